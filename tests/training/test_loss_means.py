import numpy as np
import pytest
import tensorflow as tf

from tfmtl.training.loss_means import LossMeans


def results(means):
    return {name: float(value) for name, value in means.result().items()}


def test_a_task_s_mean_is_over_its_rows_and_that_of_the_sum_over_updates():
    means = LossMeans(["topic", "stars"])
    means.update_state(tf.constant([2.0, 5.0]), tf.constant([1.0, 0.5]), tf.constant([3.0, 1.0]))
    means.update_state(tf.constant([6.0, 0.0]), tf.constant([1.0, 0.5]), tf.constant([1.0, 0.0]))
    expected = {"loss": ((2 + 2.5) + 6) / 2, "topic_loss": (3 * 2 + 6) / 4, "stars_loss": 5.0}
    assert results(means) == pytest.approx(expected)


def test_of_a_task_that_is_not_shown_nothing_is_told():
    means = LossMeans(["topic", "stars"])
    means.shown = ["stars"]
    means.update_state(tf.constant([2.0, 5.0]), tf.constant([0.0, 0.5]), tf.constant([3.0, 1.0]))
    assert results(means) == pytest.approx({"loss": 2.5, "stars_loss": 5.0})


def test_before_the_first_update_and_after_a_reset_they_are_zero():
    means = LossMeans(["topic"])
    assert results(means) == {"loss": 0.0, "topic_loss": 0.0}
    means.update_state(tf.constant([2.0]), tf.constant([1.0]), tf.constant([3.0]))
    means.reset_state()
    assert results(means) == {"loss": 0.0, "topic_loss": 0.0}


def test_replicas_that_add_the_same_have_the_means_of_one(mirrored):
    with mirrored.scope():
        means = LossMeans(["topic"])

    @tf.function(autograph=False)
    def add():
        mirrored.run(lambda: means.update_state(tf.constant([2.0]), tf.constant([1.0]), tf.constant([3.0])))

    add()
    add()
    assert results(means) == {"loss": 2.0, "topic_loss": 2.0}
    sums, counts = (np.array(variable) for variable in means.variables)
    np.testing.assert_array_equal([sums, counts], [[4.0, 12.0], [2.0, 6.0]])
