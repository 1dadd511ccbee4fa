import numpy as np
import pytest

from tfmtl.evaluation.comparison.compare import MeanChange, compare_runs


def test_the_gain_is_the_mean_relative_change_of_the_tasks(compared):
    both = compared("both", {"topic": 0.95, "title": 0.6})
    alone = [compared("both-topic", {"topic": 0.6}), compared("both-title", {"title": 0.9})]
    comparison = compare_runs([both, *alone], "test")
    (gain,) = comparison.gains
    assert (gain.system.name, gain.single.name) == ("both", "both, single tasks")
    relative, absolute = [], []
    for task, single in zip(("topic", "title"), alone, strict=True):
        names = [name for name in both.metrics[task] if name not in ("intervals", "examples")]
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
    generator = np.random.default_rng(0)
    drawn = generator.integers(60, size=(200, 60))
    targets = both.answers["topic"].targets
    right = [run.answers["topic"].predictions.argmax(axis=1) == targets for run in (alone[0], both)]
    gains = right[1].astype(float) - right[0]
    assert primary[0].difference.replicates == pytest.approx(gains[drawn].mean(axis=1))


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
