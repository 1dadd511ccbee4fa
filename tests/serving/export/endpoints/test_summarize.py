from tests.serving.export.endpoints.served import TASKS
from tfmtl.serving.export.endpoints.summarize import summarize


def test_the_texts_of_decoders_are_answered():
    assert summarize(TASKS) == ("title",)
