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


def task_of(**options):
    return Classification(name="topic", source="s", labels=("a", "b", "c"), **options)


def terms(task, targets, class_counts=(1, 1, 1)):
    """The sum, the count and the gradient of the sum in the logits; of train, so many rows have each label."""
    column = DenseColumn(np.repeat(np.arange(3, dtype=np.int32), class_counts))
    loss, logits, targets = kind_of(task).loss(task, column), tf.constant(LOGITS), tf.constant(targets)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = loss.total(targets, logits)
    return float(total), float(loss.count(targets)), tape.gradient(total, logits).numpy()


def test_cross_entropy_counts_labelled_rows_only():
    total, count, gradient = terms(task_of(), LABELS)
    assert (total, count) == (pytest.approx(CROSS_ENTROPY.sum(), rel=1e-5), 4)
    one_hot = np.where(LABELS[:, None] == np.arange(3), 1.0, 0.0)
    expected = (np.exp(LOG_SOFTMAX) - one_hot) * (LABELS >= 0)[:, None]
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_label_smoothing_spreads_a_share_over_all_classes():
    total, _, _ = terms(task_of(label_smoothing=0.3), LABELS)
    present = LABELS >= 0
    expected = 0.7 * CROSS_ENTROPY[present] - 0.3 * LOG_SOFTMAX[present].mean(axis=1)
    assert total == pytest.approx(expected.sum(), rel=1e-5)


def test_balanced_weights_are_inverse_shares_with_a_mean_of_one_over_train():
    counts = np.array([6, 3, 1])
    weights = 10 / (3 * counts)
    assert (weights * counts).sum() / 10 == pytest.approx(1.0)
    total, count, _ = terms(task_of(class_weights="balanced"), LABELS, counts)
    expected = sum(weights[label] * loss for label, loss in zip(LABELS, CROSS_ENTROPY, strict=True) if label >= 0)
    assert (total, count) == (pytest.approx(expected, rel=1e-5), 4)


def test_balanced_weights_survive_a_class_without_rows():
    total, _, _ = terms(task_of(class_weights="balanced"), LABELS, (4, 0, 4))
    assert np.isfinite(total)


def test_weights_can_be_given_by_label():
    total, _, _ = terms(task_of(class_weights={"a": 2.0, "c": 0.5}), LABELS)
    expected = CROSS_ENTROPY @ np.where(LABELS == 0, 2.0, np.where(LABELS == 2, 0.5, 1.0))
    assert total == pytest.approx(expected, rel=1e-5)


def test_an_absent_label_has_no_loss_and_no_gradient():
    total, count, gradient = terms(task_of(), np.int32([-1] * 6))
    assert total == count == 0
    assert not gradient.any()


def test_a_row_has_a_target_where_it_has_a_label():
    found = ClassificationLoss(np.ones(3)).has_target(tf.constant(LABELS))
    assert found.numpy().tolist() == (LABELS >= 0).tolist()
