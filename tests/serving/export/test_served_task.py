import pytest

from tfmtl.config.experiment import parse
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.serving.export.served_task import ServedTask, served_tasks


@pytest.mark.parametrize(
    ("task", "served"),
    [
        (
            Classification(name="same", source="s", text_pair="second", labels=("no", "yes")),
            {"kind": "classification", "pair": True, "labels": ("no", "yes"), "text_pair": "second"},
        ),
        (
            MultiLabel(name="tags", source="s", text="body", label_set=("x",)),
            {"kind": "multi_label", "labels": ("x",), "text": "body"},
        ),
        (Summarization(name="title", source="s"), {"kind": "summarization"}),
    ],
)
def test_it_tells_what_a_client_must_know(task, served):
    assert ServedTask.of(task) == ServedTask(**served)
    assert ServedTask.of(task).generates == task.generates == (task.kind == "summarization")


def test_several_fields_of_a_text_are_kept():
    served = ServedTask.of(Summarization(name="a", source="s", text=["title", "body"], text_pair=["b", "c"]))
    assert (served.text, served.text_pair) == (("title", "body"), ("b", "c"))
    assert ServedTask.model_validate_json(served.model_dump_json()) == served


def test_it_is_read_as_it_was_written():
    served = ServedTask(kind="classification", pair=True, labels=("no", "yes"), text="a", text_pair="b")
    assert ServedTask.model_validate_json(served.model_dump_json()) == served


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ({"format": "csv"}, None),
        ({"format": "csv", "missing": []}, ()),
        ({"format": "csv", "missing": ["-", "NA"]}, ("-", "NA")),
        ({"format": "jsonl"}, None),
        ({"format": "jsonl", "missing": ["None"]}, ("None",)),
    ],
)
def test_it_knows_what_its_source_says_of_missing_values(source, missing):
    tasks = {"a": {"kind": "regression", "source": "s"}}
    experiment = parse({"name": "a", "sources": {"s": {"train": "a.txt", **source}}, "tasks": tasks})
    # As it is kept in a run, where every option is written out.
    for read in (experiment, parse(experiment.as_mapping())):
        assert served_tasks(read, read.tasks)["a"].missing == missing
