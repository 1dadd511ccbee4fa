"""A comparison from experiments to its tables, through the command line."""

import json
from collections import Counter
from pathlib import Path

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
    assert run("train", config, "--single-tasks", "--seeds", "1") == 0
    alone = [f"runs/tiny-{task}-seed1" for task in ("subject", "marks")]
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("trained: ")]
    assert said == [f"trained: {path}" for path in alone]
    written = (tmp_path / alone[0] / "checkpoints" / "best.keras").stat().st_mtime_ns
    # What has been trained is only read and evaluated.
    assert run("compare", config, "--single-tasks", "--seeds", "1", "--output", folder) == 0
    assert (tmp_path / alone[0] / "checkpoints" / "best.keras").stat().st_mtime_ns == written
    printed = capsys.readouterr().out
    assert "gain over tiny, single tasks" in printed and "| task | metric | majority | naive_bayes |" in printed
    found = json.loads((folder / "comparison.json").read_text())
    assert [system["runs"] for system in found["systems"].values()] == [["runs/tiny-seed1"], alone]
    assert experiment_of(RunFolder.open("runs/tiny-seed1")).training.seed == 1
    assert_numbers_are_those_of("runs/tiny-seed1", alone[0], found)
    # Another system joins runs that are there.
    assert run("compare", alone[0], config, "--set", "training.seed=1", "--set", "name=tiny-seed1") == 0
    assert (tmp_path / alone[0] / "checkpoints" / "best.keras").stat().st_mtime_ns == written


def assert_numbers_are_those_of(together: str, alone: str, found: dict) -> None:
    """The comparison of a run with its tasks alone says of the first task what the runs' own files say."""
    scores = [json.loads((Path(path) / "evaluation_test.json").read_text())["tasks"] for path in (together, alone)]
    majority = found["reference"]["baselines"]["majority"]["subject"]["accuracy"]
    answered = [json.loads(line) for line in (Path(alone) / "answers_test.jsonl").read_text().splitlines()]
    shares = [count / len(answered) for count in Counter(row["target"] for row in answered).values()]
    assert any(majority == pytest.approx(share) for share in shares)
    (gain,) = found["gains"]
    change = next(change for change in gain["changes"] if change["metric"] == "accuracy")
    assert change["difference"] == pytest.approx(scores[0]["subject"]["accuracy"] - scores[1]["subject"]["accuracy"])
    costs = [system["cost"] for system in found["systems"].values()]
    # Two models of one head have two embeddings of 400 tokens; each reads the 480 rows of articles once.
    assert costs[1]["parameters"] > costs[0]["parameters"] > 400 * 32
    assert (costs[0]["rows read"], costs[1]["rows read"]) == (480, 960)
    assert 0 < costs[1]["seconds of training"] < 300 and costs[1]["ms a text"] > 0


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
