import json

import pytest

from tfmtl.data.cut import Cut, write_cut
from tfmtl.serving.export.description import Description
from tfmtl.serving.export.model_card import write_model_card
from tfmtl.serving.export.served_task import ServedTask


@pytest.fixture
def card(run, tmp_path):
    def card(tasks, evaluation=None):
        if evaluation:
            run.evaluation("test").write_text(json.dumps(evaluation))
        try:
            write_model_card(tmp_path, run, Description.of("tiny", tasks))
        finally:
            run.evaluation("test").unlink(missing_ok=True)
        return (tmp_path / "model_card.md").read_text(encoding="utf-8")

    return card


TASKS = {
    "topic": ServedTask(kind="classification", labels=("a|b", "Zürich")),
    "same": ServedTask(kind="regression", pair=True),
}


def test_tasks_and_signatures_stand_in_tables(card):
    text = card(TASKS)
    assert "| topic | classification | a text | a\\|b, Zürich |" in text
    assert "| same | regression | two texts |  |" in text
    assert "| `serving_default` | topic, same |" in text
    assert "## On test" not in text


def test_how_often_a_text_is_read_is_told(run, tmp_path):
    for readings, expected in ((1, "which it reads once."), (3, "which it reads 3 times.")):
        write_model_card(tmp_path, run, Description.of("tiny", TASKS).model_copy(update={"readings": readings}))
        assert expected in (tmp_path / "model_card.md").read_text(encoding="utf-8")


def test_many_labels_are_counted(card):
    labels = tuple(f"label{number}" for number in range(25))
    assert "label19, and 5 more |" in card({"topic": ServedTask(kind="classification", labels=labels)})


def test_an_evaluation_is_quoted_with_its_intervals(card, run):
    topic = {"accuracy": 0.75, "intervals": {"accuracy": [0.5, 0.875]}, "examples": 8}
    write_cut(run.cut("test"), [Cut("test texts", "here", 8, 40, 0.25, 12)])
    text = card(TASKS, {"split": "test", "tasks": {"topic": topic}})
    run.cut("test").unlink()
    assert "## On test" in text
    assert "| topic | accuracy | 0.7500 | 0.5000 to 0.8750 | 8 |" in text
    assert "- 25.0 % of 40 test texts are longer than here (8) and lose their end; 12 would hold 95 %" in text


def test_sources_and_versions_are_named(card):
    text = card(TASKS)
    assert "| tickets | jsonl | " in text
    assert "tfmtl 0.1.0, tensorflow 2." in text
