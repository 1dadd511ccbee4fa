"""Tasks of an export, one of them with a decoder."""

from tfmtl.serving.export.served_task import ServedTask

TASKS = {
    "topic": ServedTask(kind="classification", labels=("a", "b")),
    "title": ServedTask(kind="summarization"),
    "stars": ServedTask(kind="regression", pair=True),
}
