import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get


def draws(method, count, tasks=3, dtype="float32"):
    method.build(tasks, dtype=dtype)
    graph = tf.function(method.weights, autograph=False)
    return np.array([graph(tf.ones([tasks], dtype)) for _ in range(count)])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_positive_and_sum_to_one(dtype):
    weights = draws(get("rlw"), 50, dtype=dtype)
    assert (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), np.ones(50), rtol=1e-6)


def test_they_are_distributed_as_the_softmax_of_independent_normals():
    weights = draws(get("rlw", seed=7), 2000)
    # Log-ratios of two weights are differences of two normals: mean 0, variance 2, and covariance 1 with a shared task.
    ratios = np.log(weights[:, :2] / weights[:, 2:])
    np.testing.assert_allclose(weights.mean(axis=0), np.full(3, 1 / 3), atol=0.02)
    np.testing.assert_allclose(ratios.mean(axis=0), [0.0, 0.0], atol=0.15)
    np.testing.assert_allclose(np.cov(ratios.T), [[2.0, 1.0], [1.0, 2.0]], atol=0.3)
    # Steps are independent of each other.
    assert abs(np.corrcoef(ratios[1:, 0], ratios[:-1, 0])[0, 1]) < 0.1


def test_each_step_draws_anew_and_the_seed_gives_the_sequence():
    first = draws(get("rlw", seed=1), 10)
    assert len(np.unique(first[:, 0])) == 10
    assert draws(get("rlw", seed=1), 10).tolist() == first.tolist()
    assert not np.isclose(draws(get("rlw", seed=2), 10), first).all(axis=1).any()


def test_losses_do_not_change_the_draws():
    plain, other = get("rlw"), get("rlw")
    for losses in ([0.0, 1e-6, 1e6], [1.0, 2.0, 3.0]):
        expected = plain.weights(tf.ones([3]))
        assert other.weights(tf.constant(losses)).numpy().tolist() == expected.numpy().tolist()


def test_the_tasks_that_are_present_share_the_weight_and_the_next_draws_do_not_change():
    plain, other = get("rlw"), get("rlw")
    first, _, last = plain.weights(tf.ones([3])).numpy()
    weights = other.weights(tf.constant([1.0, 0.0, 1.0]), tf.constant([True, False, True]))
    np.testing.assert_allclose(weights, [first / (first + last), 0.0, last / (first + last)], rtol=1e-5)
    np.testing.assert_allclose(other.weights(tf.ones([3])), plain.weights(tf.ones([3])), rtol=1e-6)


def test_a_restored_method_goes_on_as_the_one_that_was_saved():
    saved, restored = get("rlw"), get("rlw")
    sequence = draws(saved, 8)
    again = get("rlw")
    draws(again, 5)
    restored.build(3)
    for variable, value in zip(restored.variables, [variable.numpy() for variable in again.variables], strict=True):
        variable.assign(value)
    assert draws(restored, 3).tolist() == sequence[5:].tolist()


def test_a_graph_is_traced_once_and_draws_as_without_it():
    method, eager = get("rlw"), get("rlw")
    method.build(2)
    graph = tf.function(method.weights, autograph=False)
    for _ in range(4):
        np.testing.assert_allclose(graph(tf.ones([2])), eager.weights(tf.ones([2])), rtol=1e-6)
    assert graph.experimental_get_tracing_count() == 1


def test_replicas_draw_the_same(mirrored):
    method, single = get("rlw"), get("rlw")
    with mirrored.scope():
        method.build(3)
    step = tf.function(lambda losses: mirrored.run(method.weights, (losses,)), autograph=False)
    for _ in range(4):
        expected = single.weights(tf.ones([3]))
        for weights in mirrored.experimental_local_results(step(tf.ones([3]))):
            np.testing.assert_allclose(weights, expected, rtol=1e-6)
