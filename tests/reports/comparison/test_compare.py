import dataclasses
import zlib

import numpy as np
import pytest

from tests.reports.comparison.conftest import TASKS
from tfmtl.core.errors import RunError
from tfmtl.reports.comparison.compare import Change, MeanChange, compare_runs
from tfmtl.reports.comparison.paired import Difference

SOURCES = {name: {"format": "tsv", "train": f"{name}.tsv"} for name in ("r", "s")}
APART = {"stars": {**TASKS["stars"], "source": "r"}, "title": TASKS["title"]}


def test_the_gain_is_the_mean_relative_change_of_the_tasks(compared):
    both = compared("both", {"topic": 0.95, "title": 0.6})
    alone = [compared("both-topic", {"topic": 0.6}), compared("both-title", {"title": 0.9})]
    comparison = compare_runs([both, *alone], "test")
    (gain,) = comparison.gains
    assert (gain.system.name, gain.single.name) == ("both", "both, single tasks")
    relative, absolute = [], []
    for task, single in zip(("topic", "title"), alone, strict=True):
        names = list(both.metrics[task]["intervals"])
        pairs = [(both.metrics[task][name], single.metrics[task][name]) for name in names]
        relative.append(np.mean([(multi - one) / one for multi, one in pairs]))
        absolute.append(np.mean([multi - one for multi, one in pairs]))
    assert gain.delta == pytest.approx(np.mean(relative)) and gain.absolute.value == pytest.approx(np.mean(absolute))
    worse = {change.task for change in gain.changes if change.is_worse}
    assert worse == {"title"}
    accuracy = next(change for change in gain.changes if change.metric == "accuracy")
    assert accuracy.difference.p_value < 0.01 and accuracy.relative == pytest.approx(
        both.metrics["topic"]["accuracy"] / alone[0].metrics["topic"]["accuracy"] - 1
    )


def test_a_score_of_zero_leaves_the_relative_gain_undefined(compared):
    both = compared("both", {"topic": 0.9, "title": 0.5})
    alone = [compared("both-topic", {"topic": 0.8}), compared("both-title", {"title": 0.0})]
    (gain,) = compare_runs([both, *alone], "test").gains
    assert gain.delta is None and gain.absolute.value > 0


def test_the_mean_change_has_the_interval_of_the_mean_of_its_tasks_replicates(compared):
    both = compared("both", {"topic": 0.95, "title": 0.6})
    alone = [compared("both-topic", {"topic": 0.6}), compared("both-title", {"title": 0.9})]
    (gain,) = compare_runs([both, *alone], "test").gains
    primary = [change for change in gain.changes if change.is_primary]
    assert [(change.task, change.metric) for change in primary] == [("topic", "accuracy"), ("title", "rougeL")]
    found = MeanChange.of_primary(gain.changes)
    assert found.value == pytest.approx(np.mean([change.difference.value for change in primary]))
    replicates = (primary[0].difference.replicates + primary[1].difference.replicates) / 2
    assert found.interval == pytest.approx(np.quantile(replicates, [0.025, 0.975]))
    # Both tasks read the same rows: each pair of replicates is of the same drawn ones.
    generator = np.random.default_rng(zlib.crc32(b"s"))
    drawn = generator.integers(60, size=(200, 60))
    targets = both.answers["topic"].targets
    right = [run.answers["topic"].predictions.argmax(axis=1) == targets for run in (alone[0], both)]
    gains = right[1].astype(float) - right[0]
    assert primary[0].difference.replicates == pytest.approx(gains[drawn].mean(axis=1))


def test_gain_and_difference_of_the_same_systems_are_mirrored(compared):
    both = compared("both", {"stars": 0.9, "title": 0.6}, sources=SOURCES, tasks=APART)
    alone = [
        compared("both-title", {"title": 0.7}, sources=SOURCES, tasks={"title": APART["title"]}),
        compared("both-stars", {"stars": 0.6}, sources=SOURCES, tasks={"stars": APART["stars"]}),
    ]
    comparison = compare_runs([both, *alone], "test")
    (gain,), (changes,) = comparison.gains, comparison.differences.values()
    mirrored = {(change.task, change.metric): change.difference for change in changes}
    for change in gain.changes:
        other = mirrored[change.task, change.metric]
        assert change.difference.replicates == pytest.approx(-other.replicates)
        assert change.difference.p_value == other.p_value


def test_another_number_of_trainings_is_told(compared):
    runs = [compared("a", {"topic": 0.6}), *(compared(f"b-seed{seed}", {"topic": 0.9}, seed, 128) for seed in (0, 1))]
    with pytest.raises(RunError, match="trainings of task 'topic': 'a' 1, 'b' 2; compare as many of each system"):
        compare_runs(runs, "test")


def test_trainings_are_paired_by_seed_whatever_their_order(compared):
    runs = [
        compared(f"{name}-seed{seed}", {"topic": 0.6 + seed / 10}, seed, hidden)
        for name, hidden in (("a", 64), ("b", 128))
        for seed in (0, 1)
    ]
    forth, back = (compare_runs(order, "test") for order in (runs, [runs[1], runs[0], runs[2], runs[3]]))
    assert [change.difference for change in forth.differences["b"]] == [
        change.difference for change in back.differences["b"]
    ]


def test_an_interrupted_training_is_told(compared):
    runs = [compared("a", {"topic": 0.6}), compared("b", {"topic": 0.9}, hidden=128)]
    comparison = compare_runs([runs[0], dataclasses.replace(runs[1], epochs=2)], "test")
    epochs = runs[1].experiment.stages[-1].epochs
    assert comparison.warnings == [f"The training of runs/b is not finished: 2 of {epochs} epochs."]


def test_ranks_are_means_over_the_common_tasks(compared):
    runs = [
        compared("a", {"topic": 1.0, "stars": 0.2}),
        compared("b", {"topic": 0.8, "stars": 0.6}, hidden=128),
        compared("c", {"topic": 0.5, "stars": 1.0}, hidden=256),
    ]
    # By topic a, b, c; by stars c, b, a.
    assert compare_runs(runs, "test").ranks == {"a": 2.0, "b": 2.0, "c": 2.0}
    runs[1] = compared("b", {"topic": 0.0, "stars": 0.0}, hidden=128)
    assert compare_runs(runs, "test").ranks == {"a": 1.5, "b": 3.0, "c": 1.5}


def test_every_system_is_compared_with_the_first(compared):
    runs = [compared("a", {"topic": 0.6, "stars": 0.4}), compared("b", {"topic": 0.9}, hidden=128)]
    (changes,) = compare_runs(runs, "test").differences.values()
    assert [change.task for change in changes] == ["topic"] * 3
    value = runs[1].metrics["topic"]["accuracy"] - runs[0].metrics["topic"]["accuracy"]
    assert changes[0].difference.value == pytest.approx(value)


def test_an_error_is_worse_if_it_rises_and_is_left_out_of_means():
    def change(metric, value, higher_is_better):
        interval, replicates = (value - 0.01, value + 0.01), np.full(10, value)
        return Change("a", metric, 0.5, Difference(value, interval, 0.1, replicates), True, higher_is_better)

    accuracy, ece = change("accuracy", 0.1, True), change("ece", 0.3, False)
    assert not accuracy.is_worse and ece.is_worse and not change("ece", -0.3, False).is_worse
    assert MeanChange.of([accuracy, ece]).value == pytest.approx(0.1)
