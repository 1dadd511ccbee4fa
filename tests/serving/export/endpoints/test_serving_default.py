from tests.serving.export.endpoints.served import TASKS
from tfmtl.serving.export.endpoints.serving_default import serving_default


def test_every_task_is_answered():
    assert serving_default(TASKS) == ("topic", "title", "stars")
