import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.columns import DenseColumn
from tfmtl.kinds.classification.loss import ClassificationLoss
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of

LOGITS = np.random.default_rng(0).normal(size=[6, 3]).astype(np.float32)
LABELS = np.int32([2, -1, 0, 0, -1, 1])
LOG_SOFTMAX = LOGITS - np.log(np.exp(LOGITS).sum(axis=1, keepdims=True))
CROSS_ENTROPY = np.array([-LOG_SOFTMAX[row, label] if label >= 0 else 0.0 for row, label in enumerate(LABELS)])


def loss_of(class_counts=(1, 1, 1), **options):
    """The loss of a task whose training split has so many rows of each class, and one without a label."""
    task = Classification(name="topic", source="s", labels=("a", "b", "c"), **options)
    return kind_of(task).loss(task, DenseColumn(np.int32([-1, *np.repeat(np.arange(3), class_counts)])))


def terms(loss, targets, outputs):
    """The sum, the count and the gradient of the sum in the outputs."""
    outputs = tf.constant(outputs, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        targets = tf.constant(targets)
        total = loss.total(targets, outputs)
    return float(total), float(loss.count(targets)), tape.gradient(total, outputs).numpy()


def test_cross_entropy_counts_labelled_rows_only():
    total, count, gradient = terms(loss_of(), LABELS, LOGITS)
    assert (total, count) == (pytest.approx(CROSS_ENTROPY.sum(), rel=1e-5), 4)
    one_hot = np.where(LABELS[:, None] == np.arange(3), 1.0, 0.0)
    expected = (np.exp(LOG_SOFTMAX) - one_hot) * (LABELS >= 0)[:, None]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_label_smoothing_spreads_a_share_over_all_classes():
    total, _, _ = terms(loss_of(label_smoothing=0.3), LABELS, LOGITS)
    present = LABELS >= 0
    expected = 0.7 * CROSS_ENTROPY[present] - 0.3 * LOG_SOFTMAX[present].mean(axis=1)
    assert total == pytest.approx(expected.sum(), rel=1e-5)


def test_balanced_weights_are_inverse_shares_with_a_mean_of_one_over_train():
    counts = np.array([6, 3, 1])
    weights = 10 / (3 * counts)
    assert (weights * counts).sum() / 10 == pytest.approx(1.0)
    total, count, _ = terms(loss_of(counts, class_weights="balanced"), LABELS, LOGITS)
    expected = sum(weights[label] * loss for label, loss in zip(LABELS, CROSS_ENTROPY, strict=True) if label >= 0)
    assert (total, count) == (pytest.approx(expected, rel=1e-5), 4)


def test_balanced_weights_survive_a_class_without_rows():
    total, _, _ = terms(loss_of([4, 0, 4], class_weights="balanced"), LABELS, LOGITS)
    assert np.isfinite(total)


def test_weights_can_be_given_by_label():
    total, _, _ = terms(loss_of(class_weights={"a": 2.0, "c": 0.5}), LABELS, LOGITS)
    expected = CROSS_ENTROPY @ np.where(LABELS == 0, 2.0, np.where(LABELS == 2, 0.5, 1.0))
    assert total == pytest.approx(expected, rel=1e-5)


def test_weights_and_smoothing_are_its_arguments():
    weights = np.array([2.0, 1.0, 0.5])
    total, _, _ = terms(ClassificationLoss(weights, 0.3), LABELS, LOGITS)
    present = LABELS >= 0
    smoothed = 0.7 * CROSS_ENTROPY[present] - 0.3 * LOG_SOFTMAX[present].mean(axis=1)
    assert total == pytest.approx((smoothed * weights[LABELS[present]]).sum(), rel=1e-5)


def test_an_absent_task_has_no_loss_and_no_gradient():
    total, count, gradient = terms(loss_of(), np.int32([-1] * 6), LOGITS)
    assert total == count == 0
    assert not gradient.any()


def test_a_row_has_a_target_where_it_has_a_label():
    assert loss_of().has_target(tf.constant(LABELS)).numpy().tolist() == (LABELS >= 0).tolist()
