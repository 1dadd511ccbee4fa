from tfmtl.core.registry import SIGNATURES
from tfmtl.serving.export.served_task import ServedTask

TASKS = {
    "topic": ServedTask(kind="classification", labels=("a", "b")),
    "title": ServedTask(kind="summarization"),
    "stars": ServedTask(kind="regression", pair=True),
}


def test_each_signature_answers_its_tasks():
    found = {entry.name: entry.build(TASKS) for entry in SIGNATURES}
    assert found == {
        "serving_default": ("topic", "title", "stars"),
        "classify": ("topic", "stars"),
        "summarize": ("title",),
    }
