import numpy as np
import pytest
import tensorflow as tf

from tfmtl.kinds.regression.loss import RegressionLoss

LOSS = RegressionLoss()


def terms(targets, scores):
    """The sum, the count and the gradient of the sum in the scores."""
    scores, targets = tf.constant(scores, tf.float32), tf.constant(targets)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        total = LOSS.total(targets, scores)
    return float(total), float(LOSS.count(targets)), tape.gradient(total, scores).numpy()


def test_squared_error_counts_rows_with_a_score_only():
    total, count, gradient = terms(np.float32([1.0, np.nan, 4.0]), [3.0, 9.0, 3.5])
    assert (total, count) == (pytest.approx(4.25), 2)
    np.testing.assert_allclose(gradient, [4.0, 0.0, -1.0])


def test_a_true_mean_of_seven_reads_seven_with_six_of_eight_rows_labelled():
    targets = np.float32([0, 0, np.nan, 0, 0, np.nan, 0, 0])
    total, count, _ = terms(targets, np.sqrt(np.float32([7, 5, 100, 9, 6, 100, 8, 7])))
    assert total / count == pytest.approx(7.0)


def test_an_absent_score_has_no_loss_and_no_gradient():
    total, count, gradient = terms(np.float32([np.nan] * 3), [1.0, 2.0, 3.0])
    assert total == count == 0
    assert not gradient.any()


def test_a_row_has_a_target_where_it_has_a_score():
    assert LOSS.has_target(tf.constant([1.0, np.nan, 0.0])).numpy().tolist() == [True, False, True]
