import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import KINDS, METRICS
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_named
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.metrics.metric import Metric, confusion_counts, f1_per_class, is_constant, metrics_of, predicted_classes


def test_every_metric_measures_what_some_kind_predicts():
    predicted = {kind_named(entry.name).predicts for entry in KINDS}
    for entry in METRICS:
        assert issubclass(entry.build, Metric) and entry.build.measures in predicted, entry.name
        assert entry.summary, entry.name


@pytest.mark.parametrize("kind", [entry.name for entry in KINDS if entry.options.is_answered])
def test_the_metrics_of_a_kind_are_there_and_its_primary_one_is_among_them(kind):
    options, own = KINDS.get(kind).options, kind_named(kind).own_metrics
    task = options(name="a", source="s")
    assert {*task.kind_metrics} <= {*own, *(entry.name for entry in METRICS)}
    assert task.primary in metrics_of(task)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (
            Classification(name="a", source="s", metrics=("f1",), primary="f1"),
            ["accuracy", "f1_macro", "matthews", "f1"],
        ),
        (Regression(name="a", source="s"), ["pearson", "spearman"]),
        (Summarization(name="a", source="s"), ["rouge1", "rouge2", "rougeL", "rougeLsum"]),
    ],
)
def test_metrics_of_a_task(task, names):
    assert list(metrics_of(task)) == names


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            Classification(name="subject", source="s", primary="acuracy"),
            r"tasks\.subject\.primary: unknown metric 'acuracy'; did you mean 'accuracy'\?",
        ),
        (
            Regression(name="stsb", source="s", metrics=("rouge1",)),
            r"tasks\.stsb\.metrics: 'rouge1' measures texts, a regression task predicts numbers; "
            r"known: pearson, spearman",
        ),
        (
            Classification(name="nli", source="s", metrics=("f1",), labels=("a", "b", "c")),
            r"tasks\.nli\.metrics: 'f1' needs two labels, found 3",
        ),
    ],
)
def test_a_wrong_metric_is_one_clear_line(task, message):
    with pytest.raises(ConfigurationError, match=message):
        metrics_of(task)


def test_confusion_counts():
    counts = confusion_counts(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])


def test_f1_per_class():
    np.testing.assert_allclose(f1_per_class(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 0]])), [2 / 3, 2 / 3, np.nan])


def test_predicted_classes_and_constants():
    np.testing.assert_array_equal(predicted_classes(np.array([[0.2, 0.8], [0.9, 0.1]])), [1, 0])
    assert is_constant(np.array([2.0, 2.0])) and not is_constant(np.array([2.0, 3.0]))


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_rows_does_not_matter(order):
    source = np.random.default_rng(1)
    rows = {
        Classification(name="a", source="s", metrics=("f1",)): (source.integers(2, size=12), source.random((12, 2))),
        Regression(name="a", source="s"): (source.random(12), source.random(12)),
    }
    for task, (targets, predictions) in rows.items():
        for metric in metrics_of(task).values():
            assert metric(targets[order], predictions[order]) == pytest.approx(metric(targets, predictions))


def test_replicates_of_every_kind_are_centred_on_the_value():
    source = np.random.default_rng(2)
    targets = source.integers(2, size=200)
    probabilities = np.eye(2)[np.where(source.random(200) < 0.8, targets, 1 - targets)]
    numbers = source.random(200)
    rows = {
        Classification(name="a", source="s", metrics=("f1",)): (targets, probabilities),
        Regression(name="a", source="s"): (numbers, numbers + 0.1 * source.normal(size=200)),
        Summarization(name="a", source="s"): ([("a b c",), ("d e",)] * 20, ["a b", "d x"] * 20),
    }
    for task, (truth, answers) in rows.items():
        for metric in metrics_of(task).values():
            replicates = metric.replicates(truth, answers, 300, np.random.default_rng(0))
            assert replicates.shape == (300,)
            assert replicates.mean() == pytest.approx(metric(truth, answers), abs=0.02)
