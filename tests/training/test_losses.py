import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.registry import KINDS
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.training.losses import LOSSES

LOGITS = np.random.default_rng(0).normal(size=[6, 3]).astype(np.float32)
LABELS = np.int32([2, -1, 0, 0, -1, 1])
LOG_SOFTMAX = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
CROSS_ENTROPY = np.array([-LOG_SOFTMAX[row, label] if label >= 0 else 0.0 for row, label in enumerate(LABELS)])


def terms(task, targets, outputs, class_counts=None):
    """The sum, the count and the gradient of the sum in the outputs."""
    outputs = tf.constant(outputs, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        loss, targets = LOSSES[task.kind](task, class_counts), tf.constant(targets)
        total = loss.total(targets, outputs)
    return float(total), float(loss.count(targets)), tape.gradient(total, outputs).numpy()


def classification(**options):
    return Classification(name="topic", source="s", labels=("a", "b", "c"), **options)


def test_every_kind_of_task_has_a_loss():
    assert set(LOSSES) == {entry.name for entry in KINDS}


def test_cross_entropy_counts_labelled_rows_only():
    total, count, gradient = terms(classification(), LABELS, LOGITS)
    assert (total, count) == (pytest.approx(CROSS_ENTROPY.sum(), rel=1e-5), 4)
    one_hot = np.where(LABELS[:, None] == np.arange(3), 1.0, 0.0)
    expected = (np.exp(LOG_SOFTMAX) - one_hot) * (LABELS >= 0)[:, None]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_label_smoothing_spreads_a_share_over_all_classes():
    total, _, _ = terms(classification(label_smoothing=0.3), LABELS, LOGITS)
    present = LABELS >= 0
    expected = 0.7 * CROSS_ENTROPY[present] - 0.3 * LOG_SOFTMAX[present].mean(axis=1)
    assert total == pytest.approx(expected.sum(), rel=1e-5)


def test_balanced_weights_are_inverse_shares_with_a_mean_of_one_over_train():
    counts = np.array([6, 3, 1])
    weights = 10 / (3 * counts)
    assert (weights * counts).sum() / 10 == pytest.approx(1.0)
    total, count, _ = terms(classification(class_weights="balanced"), LABELS, LOGITS, counts)
    expected = sum(weights[label] * loss for label, loss in zip(LABELS, CROSS_ENTROPY, strict=True) if label >= 0)
    assert (total, count) == (pytest.approx(expected, rel=1e-5), 4)


def test_balanced_weights_survive_a_class_without_rows():
    total, _, _ = terms(classification(class_weights="balanced"), LABELS, LOGITS, np.array([4, 0, 4]))
    assert np.isfinite(total)


def test_weights_can_be_given_by_label():
    total, _, _ = terms(classification(class_weights={"a": 2.0, "c": 0.5}), LABELS, LOGITS)
    expected = CROSS_ENTROPY @ np.where(LABELS == 0, 2.0, np.where(LABELS == 2, 0.5, 1.0))
    assert total == pytest.approx(expected, rel=1e-5)


def test_squared_error_counts_rows_with_a_score_only():
    task = Regression(name="stars", source="s")
    targets = np.float32([1.0, np.nan, 4.0])
    total, count, gradient = terms(task, targets, [3.0, 9.0, 3.5])
    assert (total, count) == (pytest.approx(4.25), 2)
    np.testing.assert_allclose(gradient, [4.0, 0.0, -1.0])


def test_a_true_mean_of_seven_reads_seven_with_six_of_eight_rows_labelled():
    targets = np.float32([0, 0, np.nan, 0, 0, np.nan, 0, 0])
    scores = np.sqrt(np.float32([7, 5, 100, 9, 6, 100, 8, 7]))
    total, count, _ = terms(Regression(name="stars", source="s"), targets, scores)
    assert total / count == pytest.approx(7.0)


def test_the_loss_of_a_summary_is_counted_in_pieces():
    task = Summarization(name="title", source="s")
    summary = np.int32([[2, 7, 8, 3], [2, 7, 3, 0], [0, 0, 0, 0]])
    likelihood = [[-1.0, -2.0, -0.5], [-3.0, -0.25, -99.0], [-99.0, -99.0, -99.0]]
    total, count, gradient = terms(task, summary, likelihood)
    assert (total, count) == (6.75, 5)
    np.testing.assert_array_equal(gradient, -(summary[:, 1:] != 0).astype(np.float32))


@pytest.mark.parametrize(
    ("task", "targets", "outputs"),
    [
        (classification(), np.int32([-1] * 6), LOGITS),
        (Regression(name="stars", source="s"), np.float32([np.nan] * 3), [1.0, 2.0, 3.0]),
        (Summarization(name="title", source="s"), np.zeros([2, 3], np.int32), np.full([2, 2], -5.0)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_an_absent_task_has_no_loss_and_no_gradient(task, targets, outputs):
    total, count, gradient = terms(task, targets, outputs)
    assert total == count == 0
    assert not gradient.any()


def test_a_row_has_a_target_where_any_piece_of_its_summary_has():
    found = LOSSES["summarization"](Summarization(name="title", source="s"), None).has_target(
        tf.constant([[2, 7, 3, 0], [0, 0, 0, 0]])
    )
    assert found.numpy().tolist() == [True, False]
    found = LOSSES["classification"](classification(), None).has_target(tf.constant(LABELS))
    assert found.numpy().tolist() == (LABELS >= 0).tolist()
