from tests.serving.export.endpoints.served import TASKS
from tfmtl.serving.export.endpoints.summarize import summarize
from tfmtl.serving.export.served_task import ServedTask


def test_summaries_are_answered():
    assert summarize(TASKS) == ("title",)


def test_other_texts_that_decoders_write_are_no_summaries():
    assert summarize({"german": ServedTask(kind="translation"), **TASKS}) == ("title",)
