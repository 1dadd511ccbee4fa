"""A comparison from experiments to its tables, through the command line."""

import json

import pytest

from tests.end_to_end.conftest import MARKED
from tfmtl.cli import main
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.run_folder import RunFolder


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def test_experiments_are_trained_and_compared_by_one_command(configure, tmp_path, monkeypatch, capsys):
    tasks = {"title": None, "goodness": None, "marks": MARKED}
    config = configure(sources={"pairs": None}, tasks=tasks, training={"epochs": 1})
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "comparison"
    assert run("compare", config, "--single-tasks", "--seeds", "0,1", "--output", folder) == 0
    assert "gain over tiny, single tasks" in capsys.readouterr().out
    found = json.loads((folder / "comparison.json").read_text())
    assert [system["runs"] for system in found["systems"].values()] == [
        [f"runs/tiny-seed{seed}" for seed in (0, 1)],
        [f"runs/tiny-{task}-seed{seed}" for task in ("subject", "marks") for seed in (0, 1)],
    ]
    assert experiment_of(RunFolder.open("runs/tiny-seed1")).training.seed == 1
    written = (tmp_path / "runs" / "tiny-seed1" / "checkpoints" / "best.keras").stat().st_mtime_ns
    # What has been trained and evaluated is only read; another system joins it.
    assert run("compare", "runs/tiny-seed1", config, "--set", "training.seed=0", "--set", "name=tiny-seed0") == 0
    assert (tmp_path / "runs" / "tiny-seed1" / "checkpoints" / "best.keras").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{config}"], "compare: name two or more runs"),
        (["{config}", "runs/none"], "runs/none: there is no such run folder"),
        (["{config}", "--seeds", "0,x"], "--seeds 0,x: expected different whole numbers"),
        (["{config}", "--single-tasks", "--set", "training.epoch=1"], "training: unknown key 'epoch'"),
    ],
)
def test_nothing_is_trained_before_all_is_known_to_be_right(
    configure, tmp_path, monkeypatch, capsys, arguments, expected
):
    config = configure()
    monkeypatch.chdir(tmp_path)
    assert run("compare", *(argument.format(config=config) for argument in arguments)) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_settings_need_an_experiment(tmp_path, capsys):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    assert run("compare", tmp_path / "1", tmp_path / "2", "--seeds", "0,1") == 2
    assert "name the YAML file of one" in capsys.readouterr().err
