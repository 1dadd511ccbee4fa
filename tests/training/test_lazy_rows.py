"""A lazy optimizer in whole trainings: of one device and two, in parts, with an average, with what cannot be lazy."""

import random

import numpy as np
import pytest
import tensorflow as tf

from tests.presets import save_preset
from tests.training import lazy_workers
from tests.workers import run_two_workers
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.data.plan import plan_training
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.callbacks.rows_up_to_date import RowsUpToDate
from tfmtl.training.lazy_rows import lazy_optimizer
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model

ONE_TASK = {"title": None, "same": None, "stars": None}
# Without a large epsilon, a gradient of zero but for rounding (the keys' biases) would move weights.
EPSILON = 1e-3


@pytest.fixture(scope="module")
def make(make_experiment):
    def make(kind="lazy_adamw", tasks=ONE_TASK, training=None, **sections):
        options = {"optimizer": {"type": kind, "epsilon": EPSILON}, "weight_decay": 0.5, **(training or {})}
        return make_experiment(tasks=tasks, training=options, **sections)

    return make


@pytest.fixture(scope="module")
def data(make, tmp_path_factory):
    return prepare(make(), RunFolder(tmp_path_factory.mktemp("run") / "lazy"), replicas=1)


def compiled(experiment, data):
    random.seed(3)
    return compile_model(experiment, data)


def trained(experiment, data, strategy=None, updates=3):
    """Returns the model after some updates, and its update; on one device they are made without a graph."""
    model, update = compiled(experiment, data)
    plan = plan_of(experiment, data)
    if strategy is not None:
        given = distributed_batches(strategy, data.tables, plan, 0, updates)
        model.fit(given, steps_per_epoch=updates, verbose=0, shuffle=False)
        return model, update
    for batch in batches(data.tables, plan, 0, updates):
        update.train(model, batch)
    return model, update


def plan_of(experiment, data):
    """Batches of twelve rows in slices that four parts divide."""
    return plan_training(data.tables, experiment.mixing, 2, 12, 4, seed=0)


def weights(model):
    return [variable.numpy() for variable in model.trainable_variables]


def assert_same(found, expected, **tolerance):
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, reference, **(tolerance or {"atol": 1e-6}))


def rows_of(experiment, data, updates=3):
    """The tokens in the first batches."""
    given = batches(data.tables, plan_of(experiment, data), 0, updates).as_numpy_iterator()
    return np.unique(np.concatenate([inputs["tokens"].ravel() for inputs, _ in given]))


@pytest.fixture(scope="module")
def once(make, data):
    return trained(make(), data)


def test_only_rows_of_the_batches_change(make, data, once):
    model, _ = once
    before, embedding = compiled(make(), data)[0].network.layers.embedding, model.network.layers.embedding
    changed = (embedding.embeddings.numpy() != before.embeddings.numpy()).any(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(changed), rows_of(make(), data))
    assert 10 < changed.sum() < len(changed)


def test_the_first_update_differs_from_adamw_s_only_in_decay_that_is_due(make, data):
    (lazy, by_rows), (dense, whole) = (trained(make(kind), data, updates=1) for kind in ("lazy_adamw", "adamw"))
    # Entries of a row are added up before the norm is taken.
    assert by_rows.gradient_norm.numpy() == pytest.approx(whole.gradient_norm.numpy(), rel=1e-6)
    assert by_rows.gradient_norm.numpy() > make().training.clip_norm
    lazy_optimizer(lazy.optimizer).catch_up()
    assert_same(weights(lazy), weights(dense), rtol=1e-5, atol=1e-7)


def test_two_replicas_and_parts_of_a_batch_make_the_same_updates(make, data, mirrored, once):
    model, update = once
    experiment = make(training={"accumulation": 2})
    in_parts, _ = trained(experiment, data)
    assert_same(weights(in_parts), weights(model))
    with mirrored.scope():
        together, of_two = trained(experiment, data, mirrored)
    assert_same(weights(together), weights(model))
    assert of_two.gradient_norm.numpy() == pytest.approx(update.gradient_norm.numpy(), rel=1e-5)
    for first, second in (variable.value.values for variable in together.trainable_variables):
        np.testing.assert_array_equal(first.numpy(), second.numpy())


def test_a_training_that_goes_on_from_its_variables_is_the_same_to_the_bit(make, data, once):
    model, update = trained(make(), data, updates=2)
    kept = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables, *update.variables)]
    again, of_again = compiled(make(), data)
    for variable, value in zip((*again.variables, *again.optimizer.variables, *of_again.variables), kept, strict=True):
        variable.assign(value)
    for batch in batches(data.tables, plan_of(make(), data), 2, 3):
        of_again.train(again, batch)
    for value, reference in zip(weights(again), weights(once[0]), strict=True):
        np.testing.assert_array_equal(value, reference)
    assert lazy_optimizer(again.optimizer).rows == ("embedding/embeddings",)


def test_an_average_is_of_rows_without_delay(make, data, caplog):
    model, update = trained(make(training={"ema_momentum": 0.9}), data)
    assert "the average reads all rows" in caplog.text
    position = next(iter(update.rows))
    average = update.average.variables[position].numpy()
    never = np.setdiff1d(np.arange(len(average)), rows_of(make(), data))[0]
    rate, expected = model.optimizer._learning_rate, model.trainable_variables[position].numpy()[never]
    value = expected.copy()
    for count in range(1, 4):
        value = value * (1 - float(rate(count - 1)) * 0.5)
        expected = expected + (1 - (1 + count) / (10 + count)) * (value - expected)
    np.testing.assert_allclose(average[never], expected, rtol=1e-5)


def test_validation_sees_all_decay(make, data):
    model, _ = compiled(make(), data)
    given = batches(data.tables, plan_of(make(), data), 0, 2)
    model.fit(given, validation_data=given, validation_steps=1, callbacks=[RowsUpToDate()], verbose=0, shuffle=False)
    optimizer, table = lazy_optimizer(model.optimizer), model.network.layers.embedding.embeddings
    np.testing.assert_array_equal(optimizer.up_to_date(table), table)
    never = np.setdiff1d(np.arange(table.shape[0]), rows_of(make(), data, updates=2))
    before = compiled(make(), data)[0].network.layers.embedding.embeddings.numpy()
    share = np.prod([1 - float(model.optimizer._learning_rate(step)) * 0.5 for step in range(2)])
    np.testing.assert_allclose(table.numpy()[never], before[never] * share, rtol=1e-5)


def test_losses_that_are_scaled(make, data):
    training = {"precision": "mixed_float16", "weight_decay": 0.0}
    found, expected = (trained(make(kind, training=training), data, updates=1)[0] for kind in ("lazy_adamw", "adamw"))
    assert lazy_optimizer(found.optimizer) is found.optimizer.inner_optimizer
    assert int(found.optimizer.iterations) == 1
    assert_same(weights(found), weights(expected))


NOT_LAZY = {
    "an embedding that is also the output projection": ({"tasks": {"same": None, "stars": None}}, "projects summaries"),
    "gradients of the tasks": (
        {"tasks": {"title": None, "same": None}, "balancing": {"method": "pcgrad"}},
        "combines whole gradients",
    ),
}


@pytest.mark.parametrize("name", NOT_LAZY)
def test_what_cannot_be_lazy_is_said_and_updated_as_by_adamw(make, name, caplog, tmp_path):
    sections, reason = NOT_LAZY[name]
    data = prepare(make(**sections), RunFolder(tmp_path / "run"), replicas=1)
    (lazy, update), (dense, _) = (trained(make(kind, **sections), data, updates=1) for kind in ("lazy_adamw", "adamw"))
    assert reason in caplog.text
    assert not update.rows
    for value, reference in zip(weights(lazy), weights(dense), strict=True):
        np.testing.assert_array_equal(value, reference)


@pytest.mark.parametrize("frozen", ["embedding", True])
@pytest.mark.parametrize("kind", ["adamw", "lazy_adamw"])
def test_what_is_frozen_has_no_slots(make, kind, frozen, tmp_path):
    encoder = {"type": "preset", "preset": str(save_preset("bert", tmp_path / "preset")), "max_length": 40}
    experiment = make(
        kind,
        model={"encoder": {**encoder, "frozen": frozen}},
        tokenizer={"type": "preset", "preset": encoder["preset"]},
    )
    data = prepare(experiment, RunFolder(tmp_path / "run"), replicas=1)
    model, _ = compiled(experiment, data)
    slots = {variable.path for variable in model.optimizer.variables}
    of_trunk = {path for path in slots if "trunk" in path or "layer_" in path}
    assert not [path for path in slots if "/embedding_embeddings" in path]
    assert bool(of_trunk) == (frozen == "embedding")
    # The first is the number of updates.
    sizes = [int(np.prod(variable.shape)) for variable in model.optimizer.variables[1:]]
    assert sum(sizes) == 2 * sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


# Two devices in one process are told apart above.
@pytest.mark.large
@pytest.mark.slow
def test_two_processes_make_the_updates_of_one(tmp_path):
    expected = lazy_workers.trained(tf.distribute.get_strategy())
    run_two_workers([lazy_workers.__file__, str(tmp_path / "found")])
    for worker in range(2):
        found = np.load(tmp_path / f"found_{worker}.npz")
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-5)
