import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.experiment import parse
from tfmtl.data.batches import batches
from tfmtl.data.plan import plan_training
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model
from tfmtl.training.variable_usage import variable_usage


def compiled(experiment, data, in_graph=False):
    """A model whose step of plain gradient descent shows the gradient that it took.

    To trace the step takes longer than to make it once without a graph.
    """
    random.seed(3)
    model, update = compile_model(experiment, data)
    model.compile(keras.optimizers.SGD(1.0), update=update, jit_compile=False, run_eagerly=not in_graph)
    return model, update


def values(model):
    return [variable.numpy().copy() for variable in model.trainable_variables]


def step(model, data):
    """The gradient that one update on the first batch takes, by each variable."""
    before = values(model)
    batch = next(iter(batches(data.tables, data.plan, 0, 1)))
    model.fit(tf.data.Dataset.from_tensors(batch), verbose=0)
    return [first - second for first, second in zip(before, values(model), strict=True)]


@pytest.fixture(scope="module")
def rows(experiment, data):
    """Each task's own gradient on the first batch, by each variable; `None` where it does not reach it."""
    model, update = compiled(experiment, data)
    batch = next(iter(batches(data.tables, data.plan, 0, 1)))
    with tf.GradientTape(persistent=True) as tape:
        parts = update.shares(model, batch)
    variables = [variable.value for variable in model.trainable_variables]
    rows = [tape.gradient(part, variables) for part in parts]
    dense = [[None if g is None else tf.convert_to_tensor(g).numpy() for g in row] for row in rows]
    return dense, variable_usage(model).shared


def without_clipping(make_experiment, method, **options):
    return make_experiment(training={"clip_norm": 0.0}, balancing={"method": method, **options})


@pytest.fixture(scope="module")
def of_gradnorm(make_experiment, data):
    """The first step of GradNorm, which has weights of one, in the shared parameters and in the heads."""
    return step(compiled(without_clipping(make_experiment, "gradnorm"), data)[0], data)


def test_with_weights_of_one_it_is_the_sum_of_the_tasks_gradients(of_gradnorm, rows):
    of_tasks, _ = rows
    for k, found in enumerate(of_gradnorm):
        expected = sum(row[k] for row in of_tasks if row[k] is not None)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * max(np.abs(expected).max(), 1e-2))


def test_the_shared_step_is_the_shortest_of_the_hull_and_each_head_follows_its_own_loss(make_experiment, data, rows):
    of_tasks, shared = rows
    model, update = compiled(without_clipping(make_experiment, "mgda"), data)
    taken = step(model, data)
    flat = np.stack(
        [
            np.concatenate([(np.zeros_like(taken[k]) if row[k] is None else row[k]).ravel() for k in shared])
            for row in of_tasks
        ]
    )
    update_of_shared = np.concatenate([taken[k].ravel() for k in shared])
    # The shortest vector d of a hull is the one with g.d >= d.d for every corner g; it lies in the hull.
    square = update_of_shared @ update_of_shared
    assert (flat @ update_of_shared >= square * (1 - 1e-3)).all()
    weights = update.weights.numpy()
    assert weights.sum() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(weights @ flat, update_of_shared, atol=1e-4 * np.sqrt(square))
    for k, found in enumerate(taken):
        if k not in shared:
            expected = sum(row[k] for row in of_tasks if row[k] is not None)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * max(np.abs(expected).max(), 1e-2))


def test_a_batch_in_parts_gives_the_update_of_the_whole(make_experiment, data, of_gradnorm):
    """Of 12 rows, which stand in two slices, in two parts; in a graph, as users train."""
    experiment = make_experiment(training={"clip_norm": 0.0, "accumulation": 2}, balancing={"method": "gradnorm"})
    plan = plan_training(data.tables, experiment.mixing, 1, 12, multiple=2, seed=0)
    model, update = compiled(experiment, data, in_graph=True)
    before = values(model)
    model.fit(batches(data.tables, plan, 0, 1), verbose=0)
    for first, second, expected in zip(before, values(model), of_gradnorm, strict=True):
        np.testing.assert_allclose(first - second, expected, rtol=1e-4, atol=1e-5 * max(np.abs(expected).max(), 1e-2))
    assert (update.counts.numpy() > 0).all()


@pytest.mark.parametrize("method", ["pcgrad", "gradnorm"])
def test_a_task_alone_shares_nothing_and_follows_its_own_loss(make_experiment, tmp_path, method):
    tasks = {"topic": None, "title": None, "same": None}
    experiment = make_experiment(balancing={"method": method}, training={"clip_norm": 0.0})
    values_of = experiment.as_mapping()
    values_of["tasks"] = {name: task for name, task in values_of["tasks"].items() if name not in tasks}
    alone = parse(values_of)
    data = prepare(alone, RunFolder(tmp_path / "alone"), replicas=1)
    fixed = parse({**values_of, "balancing": {"method": "fixed"}})
    for found, expected in zip(step(compiled(alone, data)[0], data), step(compiled(fixed, data)[0], data), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
