import numpy as np
import pytest
import tensorflow as tf

from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.loss import RegressionLoss
from tfmtl.kinds.regression.options import Regression


def terms(targets, outputs):
    """The sum, the count and the gradient of the sum in the outputs."""
    loss, targets, outputs = RegressionLoss(), tf.constant(targets), tf.constant(outputs, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = loss.total(targets, outputs)
    return float(total), float(loss.count(targets)), tape.gradient(total, outputs).numpy()


def test_it_is_the_loss_of_the_kind():
    task = Regression(name="stars", source="s")
    assert isinstance(kind_of(task).loss(task, None), RegressionLoss)


def test_squared_error_counts_rows_with_a_score_only():
    total, count, gradient = terms(np.float32([1.0, np.nan, 4.0]), [3.0, 9.0, 3.5])
    assert (total, count) == (pytest.approx(4.25), 2)
    np.testing.assert_allclose(gradient, [4.0, 0.0, -1.0])


def test_a_true_mean_of_seven_reads_seven_with_six_of_eight_rows_labelled():
    targets = np.float32([0, 0, np.nan, 0, 0, np.nan, 0, 0])
    scores = np.sqrt(np.float32([7, 5, 100, 9, 6, 100, 8, 7]))
    total, count, _ = terms(targets, scores)
    assert total / count == pytest.approx(7.0)


def test_an_absent_task_has_no_loss_and_no_gradient():
    total, count, gradient = terms(np.float32([np.nan] * 3), [1.0, 2.0, 3.0])
    assert total == count == 0
    assert not gradient.any()


def test_a_row_has_a_target_where_it_has_a_number():
    found = RegressionLoss().has_target(tf.constant([1.0, np.nan, 0.0]))
    assert found.numpy().tolist() == [True, False, True]
