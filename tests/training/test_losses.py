import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.registry import KINDS
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.kind import kind_named, kind_of
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.training.losses import PROBE_TOKENS, TaskLoss, TokenLoss

SUMMARY = np.int32([[2, 7, 8, 3], [2, 7, 3, 0], [0, 0, 0, 0]])


class Absolute(TaskLoss):
    """The distance of each of a row's numbers from its target, which is negative where there is none."""

    def present(self, targets):
        return targets >= 0

    def each(self, targets, outputs):
        return tf.abs(targets - outputs)


def terms(loss, targets, outputs):
    """The sum, the count and the gradient of the sum in the outputs."""
    targets, outputs = tf.constant(targets), tf.constant(outputs, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        total = loss.total(targets, outputs)
    return float(total), float(loss.count(targets)), tape.gradient(total, outputs).numpy()


def test_every_kind_of_task_has_a_loss():
    # A kind without one cannot be made.
    assert all(callable(kind_named(entry.name).loss) for entry in KINDS)


def test_sum_and_count_are_of_the_entries_with_a_target():
    targets = np.float32([[1.0, -1.0], [-1.0, -1.0], [2.0, 5.0]])
    total, count, gradient = terms(Absolute(), targets, [[3.0, 9.0], [7.0, 1e30], [2.5, 1.0]])
    assert (total, count) == (2.0 + 0.5 + 4.0, 3)
    np.testing.assert_array_equal(gradient, [[1.0, 0.0], [0.0, 0.0], [1.0, -1.0]])


def test_a_row_has_a_target_where_any_of_its_entries_has():
    found = Absolute().has_target(tf.constant([[1.0, -1.0], [-1.0, -1.0]]))
    assert found.numpy().tolist() == [True, False]
    assert Absolute().has_target(tf.constant([1.0, -1.0])).numpy().tolist() == [True, False]


def test_the_loss_of_a_summary_is_counted_in_pieces():
    likelihood = [[-1.0, -2.0, -0.5], [-3.0, -0.25, -99.0], [-99.0, -99.0, -99.0]]
    total, count, gradient = terms(TokenLoss(), SUMMARY, likelihood)
    assert (total, count) == (6.75, 5)
    np.testing.assert_array_equal(gradient, -(SUMMARY[:, 1:] != 0).astype(np.float32))


def test_an_absent_task_has_no_loss_and_no_gradient():
    total, count, gradient = terms(TokenLoss(), np.zeros([2, 3], np.int32), np.full([2, 2], -5.0))
    assert total == count == 0
    assert not gradient.any()


def test_a_row_has_a_target_where_any_piece_of_its_summary_has():
    found = TokenLoss().has_target(tf.constant([[2, 7, 3, 0], [0, 0, 0, 0]]))
    assert found.numpy().tolist() == [True, False]


@pytest.mark.parametrize("task", [Summarization(name="title", source="s"), Denoising(name="gaps", source="s")])
def test_it_is_the_loss_of_whatever_is_written(task):
    assert isinstance(kind_of(task).loss(task, None), TokenLoss)


def test_probes_differ_in_one_token_that_counts():
    loss = TokenLoss()
    first, second = PROBE_TOKENS
    assert (first != second).tolist() == [False, True, False]
    for probe in PROBE_TOKENS:
        assert float(loss.count(tf.constant(probe[None]))) == 2
