"""Relations that cannot be measured; what is measured in a training stands in `test_stages.py`."""

import pytest

from tfmtl.cli import main


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def test_a_training_too_short_to_measure_is_refused_before_it_begins(configure, tmp_path, capsys):
    config = configure(tasks={"title": None}, training={"epochs": 1, "batch_size": 64})
    assert run("affinity", config, "--run", tmp_path / "affinity", "--every", "100") == 2
    assert "affinity: 100 updates between two measurements; the training has " in capsys.readouterr().err
    assert not list((tmp_path / "affinity" / "checkpoints").glob("*"))


def test_one_task_has_no_relations(configure, capsys):
    assert run("affinity", configure(tasks={"title": None, "goodness": None})) == 2
    assert "affinity: expected 2 to 16 tasks, found 1" in capsys.readouterr().err
