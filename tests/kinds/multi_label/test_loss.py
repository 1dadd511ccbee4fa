import numpy as np
import pytest
import tensorflow as tf

from tfmtl.kinds.multi_label.loss import MultiLabelLoss

LOGITS = np.array([[0.3, -2.0], [1.5, 0.0], [4.0, -4.0]], np.float32)
TARGETS = np.array([[1, 0], [0, 1], [-1, -1]], np.int32)


def cross_entropy(target: float, logit: float, weight: float) -> float:
    probability = 1 / (1 + np.exp(-logit))
    return -weight * target * np.log(probability) - (1 - target) * np.log(1 - probability)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_loss_is_the_binary_cross_entropy_of_labelled_rows(smoothing):
    weights = [2.0, 0.5]
    loss = MultiLabelLoss(np.array(weights), smoothing)
    moved = TARGETS * (1 - smoothing) + smoothing / 2
    expected = sum(cross_entropy(moved[row, k], LOGITS[row, k], weights[k]) for row in range(2) for k in range(2))
    assert loss.total(tf.constant(TARGETS), tf.constant(LOGITS)).numpy() == pytest.approx(expected, rel=1e-6)
    assert loss.count(tf.constant(TARGETS)).numpy() == 4.0
    assert loss.has_target(tf.constant(TARGETS)).numpy().tolist() == [True, True, False]


def test_extreme_logits_have_finite_losses():
    loss = MultiLabelLoss(np.ones(2))
    found = loss.each(tf.constant([[0, 1]]), tf.constant([[1e4, -1e4]]))
    np.testing.assert_allclose(found, [[1e4, 1e4]])
