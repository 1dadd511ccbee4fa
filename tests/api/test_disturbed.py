"""Evaluations and predictions that are disturbed when they touch the disk lose nothing; the next ones go well."""

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from tests.disturbances import FAULTS, disturb, touches
from tfmtl.api import evaluate as evaluate_module
from tfmtl.api.evaluate import evaluate
from tfmtl.core.atomic_write import is_partial
from tfmtl.core.lock import LOCK_FILE
from tfmtl.serving.prediction.rows import write_jsonl


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def quick(run, held, monkeypatch):
    """Lets evaluations take no time: the answers are made once, and plots are empty."""
    reader = evaluate_module.load_reader(run)
    made = {}

    def results(*arguments):
        if not made:
            made["results"] = original(*arguments)
        return made["results"]

    original = evaluate_module._results
    monkeypatch.setattr(evaluate_module, "_results", results)
    monkeypatch.setattr(evaluate_module, "load_reader", lambda *_: reader)
    monkeypatch.setattr(Figure, "savefig", lambda self, path, **_: Path(path).write_bytes(b"plot"))


@pytest.mark.usefixtures("quick")
def test_a_disturbed_evaluation_loses_nothing(run, tmp_path):
    output = tmp_path / "evaluation.json"

    def write():
        evaluate(run, "held", output)

    write()
    complete, written = contents(run.path), output.read_bytes()
    moments = touches(write)
    # Three for each of the files: evaluation, cut texts, report, two plots of three tasks, answers.
    assert moments >= 15
    for number in range(1, moments + 1):
        output.write_text("old")
        disturb(write, number, FAULTS[number % len(FAULTS)])
        # What was there is there, and what is new is whole.
        found = contents(run.path)
        assert {name: found.get(name) for name in complete} == complete
        assert output.read_bytes() in (b"old", written)
        killed = FAULTS[number % len(FAULTS)] == "SIGKILL"
        assert killed or (found == complete and [path.name for path in tmp_path.iterdir()] == ["evaluation.json"])
        if killed:
            assert LOCK_FILE in found
        write()
        assert contents(run.path) == complete and output.read_bytes() == written
        assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disturbed_prediction_loses_nothing(tmp_path, fault):
    output = tmp_path / "answers.jsonl"
    answers = [{"topic": {"label": "cats"}}] * 3

    def write():
        write_jsonl(iter(answers), output)

    moments = touches(write)
    assert moments == 3
    for number in range(1, moments + 1):
        output.write_text("old")
        disturb(write, number, fault)
        assert output.read_text() == "old" or list(map(json.loads, output.read_text().splitlines())) == answers
        write()
        assert list(map(json.loads, output.read_text().splitlines())) == answers
        # What this process has left is not removed as long as it lives.
        left = [path for path in tmp_path.iterdir() if path != output]
        assert all(map(is_partial, left)) and (fault == "SIGKILL" or not left)
