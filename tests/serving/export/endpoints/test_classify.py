from tests.serving.export.endpoints.served import TASKS
from tfmtl.serving.export.endpoints.classify import classify


def test_the_labels_and_scores_are_answered_without_a_decoder():
    assert classify(TASKS) == ("topic", "stars")
