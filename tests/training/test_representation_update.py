import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize

from tests.training.every_method import CASES, TASKS, make_model, make_update, step_batch


@pytest.fixture(scope="module")
def stepped():
    """A model before and after one step of plain descent by MGDA on the representation, and the update."""
    model = make_model()
    update = make_update(model, *CASES["mgda by the representation"])
    update._clip_norm = 0.0
    model.compile(keras.optimizers.SGD(1.0), update=update, jit_compile=False)
    before = [variable.numpy() for variable in model.trainable_variables]
    batch = tf.nest.map_structure(tf.constant, step_batch(0))
    tf.function(lambda: update.train(model, batch), autograph=False)()
    taken = [first - variable.numpy() for first, variable in zip(before, model.trainable_variables, strict=True)]
    return taken, update


@pytest.fixture(scope="module")
def by_hand():
    """Each task's gradient by the encoder's output, and by each variable, of the losses as they are defined."""
    model, (inputs, targets) = make_model(), step_batch(0)
    opened = keras.Model(model.input, [model.output, model.network.encoder.output])
    with tf.GradientTape(persistent=True) as tape:
        outputs, states = opened({name: tf.constant(values) for name, values in inputs.items()})
        labelled = targets["topic"] >= 0
        log_shares = tf.boolean_mask(tf.nn.log_softmax(outputs["topic"]), labelled)
        losses = [-tf.reduce_mean(tf.gather(log_shares, targets["topic"][labelled], batch_dims=1))]
        for name in ("stars", "price"):
            scored = np.isfinite(targets[name])
            losses.append(tf.reduce_mean((tf.boolean_mask(outputs[name], scored) - targets[name][scored]) ** 2))
    variables = [variable.value for variable in model.trainable_variables]
    by_states = np.stack([tape.gradient(loss, states).numpy().ravel() for loss in losses])
    rows = [tape.gradient(loss, variables) for loss in losses]
    zeros = [tf.zeros_like(variable) for variable in variables]
    by_variables = [
        [tf.convert_to_tensor(zero if g is None else g).numpy() for g, zero in zip(row, zeros, strict=True)]
        for row in rows
    ]
    return by_states, by_variables


def test_weights_are_those_of_the_shortest_vector_by_the_representation(stepped, by_hand):
    gram = by_hand[0] @ by_hand[0].T
    simplex = {"type": "eq", "fun": lambda weights: weights.sum() - 1.0}
    solved = minimize(
        lambda weights: weights @ gram @ weights, [1 / 3] * 3, bounds=[(0, 1)] * 3, constraints=simplex, tol=1e-12
    )
    np.testing.assert_allclose(stepped[1].weights.numpy(), solved.x, atol=1e-4)


def test_the_gram_matrix_is_that_of_the_representation(stepped, by_hand):
    gram = by_hand[0] @ by_hand[0].T
    np.testing.assert_allclose(stepped[1].gram.numpy(), gram, rtol=1e-4, atol=1e-7)
    # Tasks of different sources share no row.
    assert gram[0, 2] == gram[1, 2] == 0.0
    assert gram[0, 1] != 0.0


def test_the_trunk_follows_the_weighted_sum_and_each_head_its_own_loss(stepped, by_hand):
    taken, update = stepped
    scales = update.weights.numpy()
    for position, found in enumerate(taken):
        of_tasks = [row[position] for row in by_hand[1]]
        reaching = [k for k, gradient in enumerate(of_tasks) if np.any(gradient)]
        weights = scales if len(reaching) > 1 else np.ones(len(TASKS))
        expected = sum(weight * gradient for weight, gradient in zip(weights, of_tasks, strict=True))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_the_graph_has_a_backward_pass_through_each_head_and_one_through_the_trunk(monkeypatch):
    """By the states, by the variables of each head, and by those of the trunk: however many variables there are."""
    gradient, passes = tf.GradientTape.gradient, []

    def counted(self, *arguments, **options):
        passes.append(arguments)
        return gradient(self, *arguments, **options)

    model = make_model()
    update = make_update(model, *CASES["mgda by the representation"])
    model.compile(keras.optimizers.SGD(1.0), update=update, jit_compile=False)
    monkeypatch.setattr(tf.GradientTape, "gradient", counted)
    tf.function(lambda: update.train(model, tf.nest.map_structure(tf.constant, step_batch(0))), autograph=False)()
    assert len(passes) == 2 * len(TASKS) + 1
