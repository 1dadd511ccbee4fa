"""Episodes as updates: exact gradients through the inner steps, on replicas as on one device."""

import random
import shutil

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.models.layers.fused.compiled import NARROWEST
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model, train_run

META = {"method": "fomaml", "inner_steps": 2, "inner_rate": 0.1, "tasks_per_update": 2, "shots": 2, "queries": 1}
TASKS = {"title": None, "stars": None}


@pytest.fixture(scope="module")
def made(make_experiment):
    """Returns what makes the data, a model and its update for a method; weights are the same for all methods."""

    def make(method, replicas=1, model=None, **options):
        meta = {**META, "method": method, **options}
        if method == "reptile":
            del meta["queries"]
        training = {"epochs": 1, "clip_norm": 0.0, "meta": meta}
        experiment = make_experiment(training=training, tasks=TASKS, model=model)
        data = prepare(experiment, None, replicas)
        random.seed(3)
        model, update = compile_model(experiment, data)
        generator = np.random.default_rng(5)
        for variable in model.trainable_variables:
            variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
        return data, model, update

    return make


def gradients(made):
    """Returns the gradients of the first update, and the update."""
    data, model, update = made
    batch = next(iter(batches(data.tables, data.plan)))
    counts = tf.zeros(len(update.tasks))
    compute = tf.function(lambda batch: update._gradients(model, batch, counts), autograph=False)
    return [gradient.numpy() for gradient in compute(batch)], update


def loss_after_adaptation(made):
    """Returns what computes the mean loss of the episodes of the first update, by assigning weights."""
    data, model, update = made
    batch = next(iter(batches(data.tables, data.plan)))

    @tf.function(autograph=False)
    def gradient(part):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(update._shares(model, part, update._count(part), True))
        return loss, [
            tf.zeros(v.shape) if g is None else tf.convert_to_tensor(g)
            for g, v in zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        ]

    def compute(moved=None):
        first, total = [variable.numpy() for variable in model.trainable_variables], 0.0
        for number in range(META["tasks_per_update"]):
            [support], query = update._parts(batch, number)
            for _ in range(META["inner_steps"]):
                for k, (variable, g) in enumerate(zip(model.trainable_variables, gradient(support)[1], strict=True)):
                    if moved is None or k in moved:
                        variable.assign_sub(META["inner_rate"] * g)
            total += float(gradient(query)[0]) / META["tasks_per_update"]
            for variable, value in zip(model.trainable_variables, first, strict=True):
                variable.assign(value)
        return total

    return compute


def along(found, direction):
    return sum(float((g.astype(np.float64) * d).sum()) for g, d in zip(found, direction, strict=True))


def directions(model, count):
    generator = np.random.default_rng(8)
    for _ in range(count):
        drawn = [generator.normal(size=variable.shape) for variable in model.trainable_variables]
        norm = np.sqrt(sum((d**2).sum() for d in drawn))
        yield [d / norm for d in drawn]


def difference(model, compute, direction, step=2e-2):
    """The derivative of a function of the model along a direction, by a central difference of the fourth order."""
    first = [variable.numpy() for variable in model.trainable_variables]

    def at(distance):
        for variable, value, d in zip(model.trainable_variables, first, direction, strict=True):
            variable.assign(value + distance * d)
        return compute()

    found = (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
    for variable, value in zip(model.trainable_variables, first, strict=True):
        variable.assign(value)
    return found


@pytest.mark.slow
def test_maml_is_the_derivative_of_the_loss_after_adaptation(made):
    of_maml = made("maml")
    exact, first_order = gradients(of_maml)[0], gradients(made("fomaml"))[0]
    compute = loss_after_adaptation(of_maml)
    _, model, update = of_maml
    assert float(np.sum(update.losses.numpy() * update.counts.numpy())) / 2 == pytest.approx(compute(), rel=1e-4)
    errors = []
    for direction in directions(model, 3):
        expected = difference(model, compute, direction)
        errors.append((along(exact, direction) - expected, along(first_order, direction) - expected))
    exact_errors, first_errors = np.abs(errors).T
    # In float32, a difference is known to a few thousandths.
    assert exact_errors.max() < 0.05 * first_errors.max()


@pytest.mark.slow
def test_second_derivatives_go_through_compiled_kernels_and_dropout(made):
    encoder = {"layers": 1, "hidden": NARROWEST, "heads": 2, "feedforward": 32, "dropout": 0.1, "max_length": 48}
    of_maml = made("maml", model={"encoder": encoder, "head_dropout": 0.1}, inner_steps=1, tasks_per_update=1)
    data, model, update = of_maml
    for variable in model.trainable_variables:
        variable.assign(0.3 * variable)
    batch = next(iter(batches(data.tables, data.plan)))
    compute = tf.function(lambda: update._gradients(model, batch, update.counts.value), autograph=False)
    seeds = [variable.numpy() for variable in model.non_trainable_variables]

    def loss():
        found.append(compute())
        for variable, value in zip(model.non_trainable_variables, seeds, strict=True):
            variable.assign(value)
        return float(tf.reduce_sum(update.losses))

    found = []
    loss()
    exact = [gradient.numpy() for gradient in found[0]]
    for direction in directions(model, 2):
        assert along(exact, direction) == pytest.approx(difference(model, loss, direction), rel=0.02, abs=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "steps"), [("maml", 1), ("reptile", 2)])
def test_two_replicas_make_the_update_of_one(made, mirrored, method, steps):
    # With classes, whose counts are known only to all replicas together, and with shots that replicas cannot divide.
    options = {"classes": 2, "shots": 1, "queries": 1, "inner_steps": steps, "tasks_per_update": 1}
    expected, update = gradients(made(method, **options))
    with mirrored.scope():
        data, model, replicated = made(method, replicas=2, **options)
        assert data.plan.episodes.support == 2
        batch = next(iter(distributed_batches(mirrored, data.tables, data.plan)))
        counts = tf.zeros(len(replicated.tasks))
        run = tf.function(lambda part: mirrored.run(lambda b: replicated._gradients(model, b, counts), args=(part,)))
        found = [mirrored.experimental_local_results(gradient) for gradient in run(batch)]
    for (first, second), reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(first, reference, rtol=2e-3, atol=2e-5)
    np.testing.assert_allclose(replicated.losses.numpy(), update.losses.numpy(), rtol=1e-5)


def test_with_one_step_reptile_is_the_gradient_of_the_loss(made):
    case = made("reptile", inner_steps=1)
    found, update = gradients(case)
    data, model, _ = case
    batch = next(iter(batches(data.tables, data.plan)))
    with tf.GradientTape() as tape:
        parts = [update._parts(batch, number)[0][0] for number in range(META["tasks_per_update"])]
        shares = [tf.reduce_sum(update._shares(model, part, update._count(part), True)) for part in parts]
        loss = tf.add_n(shares) / len(shares)
    values = [variable.value for variable in model.trainable_variables]
    for gradient, expected in zip(found, tape.gradient(loss, values), strict=True):
        np.testing.assert_allclose(gradient, tf.convert_to_tensor(expected), rtol=1e-3, atol=1e-5)


def test_classes_are_met_as_new_ones_and_those_to_keep_learn_beside(made):
    data, model, update = made("fomaml", classes=2)
    batch = next(iter(batches(data.tables, data.plan)))
    run = tf.function(lambda: update._gradients(model, batch, update.counts.value), autograph=False)
    found = run()
    outputs = update._outputs_of_classes(model)
    layers = [model.network.layers.heads[task].output_layer for task in ("topic", "same")]
    variables = [variable for layer in layers for variable in layer.trainable_variables]
    assert {model.trainable_variables[k].path for k in outputs} == {variable.path for variable in variables}
    with tf.GradientTape() as tape:
        [first], [second] = (update._parts(batch, number)[0] for number in range(2))
        loss = tf.add_n([tf.reduce_sum(update._shares(model, p, update._count(p), True)) for p in (first, second)]) / 2
    values = [model.trainable_variables[k].value for k in outputs]
    for k, expected in zip(outputs, tape.gradient(loss, values), strict=True):
        np.testing.assert_allclose(found[k], expected, rtol=1e-3, atol=1e-5)
    # What the output weights are has no influence on the rest, and neither has the order of classes.
    for k in outputs:
        model.trainable_variables[k].assign(model.trainable_variables[k][..., ::-1] + 1.0)
    for k, (gradient, reference) in enumerate(zip(run(), found, strict=True)):
        if k not in outputs:
            np.testing.assert_allclose(gradient, reference, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_with_the_same_weights(make_experiment, tmp_path):
    # With dropout, whose seeds go on from step to step.
    encoder = {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 32, "dropout": 0.1, "max_length": 48}
    training = {"epochs": 2, "checkpoint_every": 3, "meta": {**META, "method": "fomaml", "tasks_per_update": 1}}
    experiment = make_experiment(training=training, tasks=TASKS, model={"encoder": encoder})
    whole = train_run(experiment, RunFolder(tmp_path / "whole"))
    copy = RunFolder(shutil.copytree(whole.path, tmp_path / "copy"))
    *_, before, last = sorted(copy.checkpoints.glob("update-*.npz"))
    last.unlink()
    assert int(before.stem[-8:]) < int(last.stem[-8:])
    train_run(experiment, copy)
    found, expected = (Checkpoints(run.checkpoints).latest() for run in (copy, whole))
    assert found.state == expected.state
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)


REFUSED = {
    "balancing": ({"balancing": "pcgrad"}, {}, ["'pcgrad'", "use 'fixed'"]),
    "balancing by losses": ({"balancing": "dwa"}, {}, ["'dwa'", "use 'fixed'"]),
    "dynamic mixing": ({"mixing": "dynamic"}, {}, ["mixing", "'dynamic'"]),
    "accumulation": ({}, {"accumulation": 2}, ["training.accumulation"]),
    "scaled losses": ({}, {"precision": "mixed_float16"}, ["training.precision", "'mixed_bfloat16'"]),
    "one step": (
        {},
        {"meta": {"method": "reptile", "classes": 2, "inner_steps": 1}},
        ["training.meta.inner_steps", "2 or more"],
    ),
    "classes of a number": ({}, {"meta": {**META, "classes": 2}}, ["training.meta.classes", "'stars'"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(make_experiment, case):
    sections, training, expected = REFUSED[case]
    with pytest.raises(ConfigurationError) as refused:
        prepare(
            make_experiment(training={"meta": META, **training}, tasks={"title": None}, **sections),
            None,
            1,
        )
    message = str(refused.value)
    assert "\n" not in message and not [part for part in expected if part not in message], message


def test_an_unknown_method_and_an_unknown_key_are_refused(make_experiment):
    with pytest.raises(ConfigurationError, match=r"training\.meta\.method: .*did you mean 'maml'"):
        make_experiment(training={"meta": "mamal"})
    with pytest.raises(ConfigurationError, match=r"training\.meta: unknown key 'inner_lr'.*inner_rate"):
        make_experiment(training={"meta": {"inner_lr": 0.1}})
