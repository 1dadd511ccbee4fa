import json
import statistics

import numpy as np
import pytest

from tests.reports.comparison.conftest import TARGETS
from tfmtl.reports.comparison.compare import compare_runs, with_reference
from tfmtl.reports.comparison.reference import Reference
from tfmtl.reports.comparison.report import as_mapping, write_comparison


@pytest.fixture
def comparison(compared):
    both = [compared(f"both-seed{seed}", {"topic": 0.95, "title": 0.5}, seed=seed) for seed in (0, 1)]
    alone = [
        compared(f"both-{task}-seed{seed}", {task: quality}, seed=seed)
        for seed in (0, 1)
        for task, quality in (("topic", 0.6), ("title", 0.9))
    ]
    return compare_runs([*both, *alone], "test")


def test_the_tables_hold_the_scores_the_costs_and_the_flags(comparison, tmp_path):
    text = write_comparison(tmp_path / "new", comparison).read_text(encoding="utf-8")
    multi, single = comparison.systems
    (line,) = [line for line in text.splitlines() if line.startswith("| topic | accuracy |") and "±" in line]
    assert f"| {multi.score('topic', 'accuracy'):.4f} ± " in line
    deviation = statistics.stdev(single.scores("topic", "accuracy"))
    assert f"| {single.score('topic', 'accuracy'):.4f} ± {deviation:.4f} |" in line
    # One model of 1,000 parameters for both tasks, or two.
    assert "| both | 1,000 | 100 | 3,200 | 60 | 1,000 | 2.0 |" in text
    assert "| both, single tasks | 2,000 | 200 | 6,400 | 120 | 1,000 | 4.0 |" in text
    assert "Negative transfer, the whole interval below zero: title (rouge1)" in text
    for name in ("convergence.png", "gains_0.png"):
        assert f"({name})" in text
        assert (tmp_path / "new" / name).read_bytes().startswith(b"\x89PNG")


def test_one_training_has_the_interval_of_its_rows(compared, tmp_path):
    runs = [compared("a", {"topic": 0.9}), compared("b", {"topic": 0.6}, hidden=128)]
    text = write_comparison(tmp_path, compare_runs(runs, "test")).read_text(encoding="utf-8")
    scores = [run.metrics["topic"] for run in runs]
    shown = [
        f"{score['accuracy']:.4f} ({score['intervals']['accuracy'][0]:.4f} to {score['intervals']['accuracy'][1]:.4f})"
        for score in scores
    ]
    assert f"| topic | accuracy | {shown[0]} | {shown[1]} |" in text


def test_the_gains_of_an_earlier_comparison_go(comparison, compared, tmp_path):
    write_comparison(tmp_path, comparison)
    runs = [compared("a", {"topic": 0.9}), compared("b", {"topic": 0.6}, hidden=128)]
    write_comparison(tmp_path, compare_runs(runs, "test"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison.json", "comparison.md", "convergence.png"]


def test_the_json_holds_what_the_tables_round(comparison, tmp_path):
    write_comparison(tmp_path, comparison)
    written = json.loads((tmp_path / "comparison.json").read_text())
    assert written == json.loads(json.dumps(as_mapping(comparison)))
    (gain,) = written["gains"]
    assert gain["delta"] == comparison.gains[0].delta
    assert len(written["systems"]["both"]["tasks"]["topic"]["accuracy"]) == 2


def test_the_mean_of_the_tasks_stands_below_them(comparison, tmp_path):
    text = write_comparison(tmp_path, comparison).read_text(encoding="utf-8")
    multi, single = comparison.systems
    expected = []
    for system in (multi, single):
        of_seeds = [
            (accuracy + rouge) / 2
            for accuracy, rouge in zip(
                system.scores("topic", "accuracy"), system.scores("title", "rougeL"), strict=True
            )
        ]
        expected.append(f"{statistics.mean(of_seeds):.4f} ± {statistics.stdev(of_seeds):.4f}")
    assert f"| mean of the tasks | primary | {expected[0]} | {expected[1]} |" in text


def test_baselines_are_compared_with_the_first_system(compared, tmp_path):
    runs = [compared(f"a-seed{seed}", {"topic": 0.9, "stars": 0.5}, seed=seed) for seed in (0, 1)]
    runs += [compared(f"b-seed{seed}", {"topic": 0.6, "stars": 0.5}, seed=seed, hidden=128) for seed in (0, 1)]
    always_first = np.tile(np.float32([1.0, 0.0]), [len(TARGETS["topic"]), 1])
    answers = {"majority": {"topic": always_first}, "other": {}}
    comparison = with_reference(compare_runs(runs, "test"), Reference({}, {}, {}, answers))
    expected = np.mean(TARGETS["topic"] == 0) - comparison.systems[0].score("topic", "accuracy")
    (change,) = as_mapping(comparison)["baseline_differences"]["majority"]
    assert change["task"] == "topic" and change["metric"] == "accuracy"
    assert change["difference"] == pytest.approx(expected)
    text = write_comparison(tmp_path, comparison).read_text(encoding="utf-8")
    low, high = change["interval"]
    assert low < expected < high and f"| majority | 1 | {expected:+.4f} ({low:+.4f} to {high:+.4f}) |" in text
    assert "| other |" not in text
