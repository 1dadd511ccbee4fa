"""Relations of tasks, measured by the command line."""

import json

import pytest

from tfmtl.cli import main


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def test_relations_are_measured_in_the_last_stage_of_a_training(configure, tmp_path, capsys):
    config = configure(
        tasks={"title": None, "hidden": {"kind": "denoising", "source": "articles", "objective": "pieces"}},
        training={
            "batch_size": 64,
            "stages": [{"tasks": ["hidden"], "epochs": 1}, {"tasks": ["subject", "goodness"], "epochs": 1}],
        },
    )
    folder = tmp_path / "affinity"
    assert run("affinity", config, "--run", folder, "--every", "4") == 0
    # 480 articles and 120 pairs in batches of 64: nine updates or ten, of which the fourth and the eighth are measured.
    assert "Means of 2 measurements" in capsys.readouterr().out
    found = json.loads((folder / "affinity.json").read_text())
    assert found["tasks"] == ["subject", "goodness"]
    for task in range(2):
        # A step for a task lowers its own loss.
        assert found["affinity"][task][task] > 0 and found["cosine"][task][task] == pytest.approx(1.0, abs=1e-6)
    assert sorted(task for group in found["groups"] for task in group) == ["goodness", "subject"]
    assert (folder / "affinity.png").is_file() and (folder / "affinity.md").is_file()
    assert run("affinity", config, "--run", folder, "--every", "5") == 2
    assert "measured every 4 updates, asked for every 5" in capsys.readouterr().err


def test_a_training_too_short_to_measure_is_refused_before_it_begins(configure, tmp_path, capsys):
    config = configure(tasks={"title": None}, training={"epochs": 1, "batch_size": 64})
    assert run("affinity", config, "--run", tmp_path / "affinity", "--every", "100") == 2
    assert "affinity: 100 updates between two measurements; the training has " in capsys.readouterr().err
    assert not list((tmp_path / "affinity" / "checkpoints").glob("*"))


def test_one_task_has_no_relations(configure, capsys):
    assert run("affinity", configure(tasks={"title": None, "goodness": None})) == 2
    assert "affinity: expected 2 to 16 tasks, found 1" in capsys.readouterr().err
