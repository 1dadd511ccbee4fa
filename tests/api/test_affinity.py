"""What is refused before anything is trained; what is measured stands in `tests/end_to_end/test_affinity.py`."""

import json

import pytest

from tfmtl.api.affinity import affinity
from tfmtl.core.errors import RunError, UserError
from tfmtl.reports.affinity.grouping import MOST_TASKS


def test_one_task_and_too_many_have_no_relations(make_experiment, tmp_path):
    only = make_experiment(training={"stages": [{"epochs": 1}]})
    only = only.model_copy(update={"tasks": {"topic": only.tasks["topic"]}})
    with pytest.raises(UserError, match=f"^affinity: expected 2 to {MOST_TASKS} tasks, found 1$"):
        affinity(only, tmp_path / "run")
    many = make_experiment(
        tasks={f"more_{number}": {"kind": "classification", "source": "tickets"} for number in range(MOST_TASKS)}
    )
    with pytest.raises(UserError, match=f"^affinity: expected 2 to {MOST_TASKS} tasks, found {MOST_TASKS + 4}$"):
        affinity(many, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_those_of_stages_before_the_last_are_not_counted(make_experiment, tmp_path):
    gaps = {"kind": "denoising", "source": "tickets"}
    stages = [{"tasks": ["gaps"], "epochs": 1}, {"tasks": ["topic", "title", "same", "stars"], "epochs": 1}]
    experiment = make_experiment(tasks={"gaps": gaps}, training={"stages": stages})
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "affinity.jsonl").write_text(json.dumps({"update": 4, "every": 4}) + "\n")
    # It gets as far as to the interval of the run.
    with pytest.raises(RunError, match="measured every 4 updates, asked for every 3"):
        affinity(experiment, tmp_path / "run", every=3)


def test_the_folder_is_one_beside_that_of_the_training(experiment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "tiny-affinity").write_text("mine")
    with pytest.raises(RunError, match=r"^runs/tiny-affinity: this is a file, not a folder"):
        affinity(experiment)
