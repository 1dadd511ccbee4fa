import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.data.plan import plan_training
from tfmtl.kinds.regression.loss import RegressionLoss
from tfmtl.kinds.regression.options import Regression
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.optimizers.adamw import AdamW
from tfmtl.training.train import compile_model
from tfmtl.training.update import Update, dense

STARS = Regression(name="stars", source="s")


def score_model(clip_norm=0.0, weight=1.0, pieces=4):
    """A score that is the sum of the pieces' embeddings, which are all zero; a step of SGD is the gradient."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedded = keras.layers.Embedding(pieces, 1, embeddings_initializer="zeros")(tokens)
    score = keras.layers.Lambda(lambda values: keras.ops.sum(values, axis=(1, 2)), name="stars")(embedded)
    model = MultiTaskModel(inputs={"tokens": tokens}, outputs={"stars": score})
    balancing = get("fixed", weights={"stars": weight})
    balancing.tasks = [STARS]
    update = Update({"stars": RegressionLoss()}, balancing, clip_norm)
    model.compile(keras.optimizers.SGD(1.0), update=update, jit_compile=False)
    return model, update


def one_step(model, tokens, targets):
    batch = {"tokens": np.int32(tokens)}, {"stars": np.float32(targets)}
    return model.fit(tf.data.Dataset.from_tensors(batch), verbose=0).history


# Scores are 0, so the gradient of a row is -2 target / rows, once for each time that a piece stands in it.
TOKENS, TARGETS = [[1, 1], [1, 2], [3, 3]], [3.0, 5.0, np.nan]
GRADIENT = np.array([0.0, -2 * 3 / 2 * 2 - 2 * 5 / 2, -2 * 5 / 2, 0.0])


def test_repeated_pieces_and_absent_rows_by_hand():
    model, update = score_model()
    history = one_step(model, TOKENS, TARGETS)
    np.testing.assert_allclose(model.trainable_variables[0][:, 0], -GRADIENT)
    assert history["stars_loss"] == [pytest.approx((9 + 25) / 2)]
    assert update.losses.numpy() == pytest.approx([17.0])
    assert update.counts.numpy() == pytest.approx([2.0])
    assert update.gradient_norm.numpy() == pytest.approx(np.linalg.norm(GRADIENT))


def test_a_weight_multiplies_the_loss_and_its_gradient():
    model, _ = score_model(weight=0.5)
    history = one_step(model, TOKENS, TARGETS)
    np.testing.assert_allclose(model.trainable_variables[0][:, 0], -GRADIENT / 2)
    assert history["loss"] == [pytest.approx(8.5)]
    assert history["stars_loss"] == [pytest.approx(17.0)]


@pytest.mark.parametrize(("clip_norm", "factor"), [(2.0, 2.0 / np.linalg.norm(GRADIENT)), (100.0, 1.0)])
def test_only_a_gradient_that_is_too_long_is_clipped(clip_norm, factor):
    model, _ = score_model(clip_norm=clip_norm)
    one_step(model, TOKENS, TARGETS)
    np.testing.assert_allclose(model.trainable_variables[0][:, 0], -GRADIENT * factor, rtol=1e-6)


def test_a_batch_without_a_target_changes_nothing():
    model, update = score_model(clip_norm=1.0)
    history = one_step(model, TOKENS, [np.nan] * 3)
    assert history["loss"] == [0.0]
    assert not np.array(model.trainable_variables[0]).any()
    assert update.gradient_norm.numpy() == 0.0


def test_running_means_are_over_rows_not_over_batches():
    model, _ = score_model()
    model.optimizer.learning_rate = 0.0
    # Three rows with a squared error of 4, then one of 16.
    rows = tf.data.Dataset.from_tensor_slices(
        ({"tokens": np.ones([6, 1], np.int32)}, {"stars": np.float32([2, 2, 2, 4, np.nan, np.nan])})
    ).batch(3)
    history = model.fit(rows, verbose=0).history
    assert history["stars_loss"] == [pytest.approx((3 * 4 + 16) / 4)]
    assert model.evaluate(rows, verbose=0, return_dict=True)["stars_loss"] == pytest.approx(7.0)


def test_denominators_and_clipping_are_global(mirrored):
    with mirrored.scope():
        model, update = score_model(clip_norm=2.0)
    # The first replica has two rows with a target, the second none.
    rows = {"tokens": np.int32([*TOKENS, [1, 1]])}, {"stars": np.float32([*TARGETS, np.nan])}
    parts = [tf.nest.map_structure(lambda values, of=of: values[of], rows) for of in ([0, 1], [2, 3])]
    batch = mirrored.distribute_datasets_from_function(
        lambda context: tf.data.Dataset.from_generator(
            lambda: iter(parts),
            output_signature=tf.nest.map_structure(lambda v: tf.TensorSpec(v.shape, v.dtype), parts[0]),
        )
    )
    history = model.fit(batch, steps_per_epoch=1, verbose=0).history
    assert history["stars_loss"] == [pytest.approx(17.0)]
    assert update.gradient_norm.numpy() == pytest.approx(np.linalg.norm(GRADIENT))
    expected = -GRADIENT * 2.0 / np.linalg.norm(GRADIENT)
    np.testing.assert_allclose(model.trainable_variables[0].numpy()[:, 0], expected, rtol=1e-6)


# Without a large epsilon, a gradient of zero but for rounding (the keys' biases) would move weights.
EPSILON = 1e-3


def trained(experiment, data, strategy=None):
    """Three steps, on replicas in a graph; to trace one for a single device takes longer than to make them without."""
    random.seed(3)
    plan = plan_training(data.tables, experiment.mixing, 1, 12, 4, seed=0)
    model, update = compile_model(experiment, data)
    update._clip_norm = 0.5
    optimizer = AdamW(0.01, epsilon=EPSILON)
    model.compile(optimizer, update=update, jit_compile=False, run_eagerly=strategy is None)
    initial = [variable.numpy().copy() for variable in model.trainable_variables]
    dataset = distributed_batches(strategy, data.tables, plan, 0, 3) if strategy else batches(data.tables, plan, 0, 3)
    history = model.fit(dataset, steps_per_epoch=3, verbose=0, shuffle=False).history
    return initial, [variable.numpy() for variable in model.trainable_variables], history, update


def test_two_replicas_train_exactly_like_one(experiment, data, mirrored):
    before, one, history, update = trained(experiment, data)
    assert update.gradient_norm.numpy() > 0.5
    with mirrored.scope():
        same, two, same_history, _ = trained(experiment, data, mirrored)
    for first, second in zip(before, same, strict=True):
        np.testing.assert_array_equal(first, second)
    for first, second in zip(one, two, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)
    for name, values in history.items():
        assert same_history[name] == pytest.approx(values, rel=1e-4)
    assert max(np.abs(a - b).max() for a, b in zip(before, one, strict=True)) > 1e-3


def losses_by_hand(outputs, targets):
    """Means over labelled rows and pieces, from the definitions."""

    def of_labels(name):
        rows = np.flatnonzero(targets[name] >= 0)
        chosen = tf.gather(tf.nn.log_softmax(outputs[name]), rows)
        return -tf.reduce_mean(tf.gather(chosen, tf.gather(targets[name], rows), batch_dims=1))

    scored = np.flatnonzero(np.isfinite(targets["stars"]))
    stars = tf.reduce_mean((tf.gather(outputs["stars"], scored) - tf.gather(targets["stars"], scored)) ** 2)
    title = -tf.reduce_mean(tf.boolean_mask(outputs["title"], targets["title"][:, 1:] != 0))
    return {"topic": of_labels("topic"), "same": of_labels("same"), "stars": stars, "title": title}


def test_a_step_is_that_of_clipping_and_adam_by_hand(make_experiment, data):
    experiment = make_experiment(balancing={"method": "fixed", "weights": {"topic": 2.0, "title": 0.5}})
    random.seed(3)
    by_hand, _ = compile_model(experiment, data)
    random.seed(3)
    model, update = compile_model(experiment, data)
    model.compile(AdamW(0.01, decay=0.0, epsilon=EPSILON), update=update, jit_compile=False)
    inputs, targets = next(batches(data.tables, data.plan, 0, 1).as_numpy_iterator())
    variables = by_hand.trainable_variables

    def gradients_by_hand(inputs):
        with tf.GradientTape() as tape:
            losses = losses_by_hand(by_hand(inputs, training=True), targets)
            loss = 2.0 * losses["topic"] + 0.5 * losses["title"] + losses["same"] + losses["stars"]
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        # As dense tensors: the norm of sparse ones would count the parts of a repeated piece apart.
        return losses, loss, [tf.convert_to_tensor(gradient) for gradient in gradients]

    losses, loss, gradients = gradients_by_hand(inputs)
    clipped, norm = tf.clip_by_global_norm(gradients, experiment.training.clip_norm)
    keras.optimizers.Adam(0.01, epsilon=EPSILON).apply(clipped, variables)
    history = model.fit(tf.data.Dataset.from_tensors((inputs, targets)), verbose=0).history
    assert history["loss"] == [pytest.approx(float(loss), rel=1e-5)]
    for name, value in losses.items():
        assert history[f"{name}_loss"] == [pytest.approx(float(value), rel=1e-5)]
    assert float(norm) > experiment.training.clip_norm
    assert update.gradient_norm.numpy() == pytest.approx(float(norm), rel=1e-4)
    for found, expected in zip(model.trainable_variables, variables, strict=True):
        np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-6, err_msg=found.path)


def test_a_dense_gradient_has_the_shape_of_its_variable():
    variable = keras.Variable(np.zeros([4, 2], np.float32))

    @tf.function(input_signature=[tf.TensorSpec([2]), tf.TensorSpec([None], tf.int32)], autograph=False)
    def summed(values, shape):
        found = dense(tf.IndexedSlices(tf.stack([values, values]), tf.constant([1, 1]), shape), variable)
        assert found.shape == (4, 2)
        return found

    found = summed(tf.constant([1.0, 2.0]), tf.constant([4, 2]))
    np.testing.assert_array_equal(found, [[0, 0], [2, 4], [0, 0], [0, 0]])
