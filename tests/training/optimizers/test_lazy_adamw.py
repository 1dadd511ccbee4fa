"""Lazy AdamW, compared with AdamW and with a model of its rule in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import OPTIMIZERS
from tfmtl.training.learning_rate import WarmupThenDecay
from tfmtl.training.optimizers.adamw import AdamW
from tfmtl.training.optimizers.lazy_adamw import LazyAdamW
from tfmtl.training.row_gradients import scaled

ROWS, WIDTH = 6, 3
RATE = WarmupThenDecay(0.1, updates=8, warmup=0.3, decay="cosine")
DECAY = 0.5


def initial():
    return np.random.default_rng(99).normal(size=[ROWS, WIDTH]).astype(np.float32)


def entries(step, rows):
    """The gradient of some rows, each as often as it is named."""
    values = np.random.default_rng(step).normal(size=[len(rows), WIDTH]).astype(np.float32)
    return tf.IndexedSlices(tf.constant(values), tf.constant(np.int32(rows)), tf.constant([ROWS, WIDTH]))


def made(kind, **options):
    """Returns an optimizer and its two variables: an embedding and a kernel."""
    variables = [keras.Variable(initial(), name="embeddings"), keras.Variable(initial(), name="kernel")]
    rows = {"rows": ["embeddings"]} if kind is LazyAdamW else {}
    optimizer = kind(RATE, decay=DECAY, **rows, **options)
    optimizer.build(variables)
    return optimizer, variables


def of_the_rule(batches, rates):
    """The rows by the rule of the class's docstring, in float64: moments and a row's decay only where a batch has it.

    Returns:
        The rows as they are stored, and with all decay that is due.
    """
    w, m, v = (initial().astype(np.float64), *np.zeros([2, ROWS, WIDTH]))
    due = np.ones([ROWS, 1])
    for step, rows in enumerate(batches, start=1):
        rate, gradient = rates[step - 1], np.zeros([ROWS, WIDTH])
        np.add.at(gradient, rows, entries(step, rows).values.numpy().astype(np.float64))
        due *= 1 - rate * DECAY
        for row in set(rows):
            w[row] *= due[row]
            due[row] = 1.0
            m[row] = 0.9 * m[row] + 0.1 * gradient[row]
            v[row] = 0.999 * v[row] + 0.001 * gradient[row] ** 2
            w[row] -= rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * m[row] / (np.sqrt(v[row]) + 1e-7)
    return w, w * due


def rates(steps):
    return [float(RATE(step)) for step in range(steps)]


def trained(batches, kind=LazyAdamW):
    optimizer, variables = made(kind)
    for step, rows in enumerate(batches, start=1):
        gradient = entries(step, rows)
        whole = tf.convert_to_tensor(gradient)
        optimizer.apply([gradient if kind is LazyAdamW else whole, whole], variables)
    return optimizer, variables


BATCHES = [[0, 2, 2], [5], [2, 0, 0, 0], [1, 1], [2], [0, 5, 2, 5]]


def test_rows_follow_the_rule_and_decay_that_is_due_is_applied_in_full():
    optimizer, (embeddings, _) = trained(BATCHES)
    stored, expected = of_the_rule(BATCHES, rates(len(BATCHES)))
    np.testing.assert_allclose(embeddings, stored, rtol=1e-4, atol=1e-6)
    # Rows 3 and 4 have never been touched, and decay by the product over all updates.
    assert np.array_equal(embeddings.numpy()[3:5], initial()[3:5])
    np.testing.assert_allclose(optimizer.up_to_date(embeddings), expected, rtol=1e-4, atol=1e-6)
    optimizer.catch_up()
    np.testing.assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(embeddings[3], initial()[3] * np.prod(1 - DECAY * np.array(rates(6))), rtol=1e-6)
    before = embeddings.numpy()
    optimizer.catch_up()
    np.testing.assert_array_equal(embeddings, before)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=7), min_size=1, max_size=6))
def test_whichever_rows_batches_have(batches):
    optimizer, (embeddings, _) = trained(batches)
    optimizer.catch_up()
    _, expected = of_the_rule(batches, rates(len(batches)))
    np.testing.assert_allclose(embeddings, expected, rtol=1e-3, atol=1e-5)


def test_if_every_batch_has_all_rows_the_numbers_are_those_of_adamw():
    batches = [[*range(ROWS), *range(step % 3)] for step in range(5)]
    (_, found), (_, expected) = trained(batches), trained(batches, AdamW)
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, reference)


def test_other_variables_are_updated_as_by_adamw():
    (_, (_, found)), (_, (_, expected)) = trained(BATCHES), trained(BATCHES, AdamW)
    np.testing.assert_array_equal(found, expected)


def test_a_whole_gradient_has_all_rows():
    batches = [[0], [1, 2]]
    lazy, dense = made(LazyAdamW), made(AdamW)
    for optimizer, variables in (lazy, dense):
        for step, rows in enumerate(batches):
            whole = tf.convert_to_tensor(entries(step, rows))
            optimizer.apply([whole, whole], variables)
    np.testing.assert_array_equal(lazy[1][0], dense[1][0])


def test_two_replicas_make_the_step_of_one(mirrored):
    def after_three_steps(strategy):
        with strategy.scope():
            optimizer, variables = made(LazyAdamW)

        def apply(gradient):
            share = scaled(gradient, 1.0 / strategy.num_replicas_in_sync)
            optimizer.apply([share, tf.convert_to_tensor(share)], variables)

        step = tf.function(lambda gradient: strategy.run(apply, args=(gradient,)), autograph=False)
        for number, rows in enumerate([[0, 2, 2], [5, 1, 1], [2, 0, 0]]):
            step(entries(number, rows))
        copies = [getattr(variable.value, "values", [variable]) for variable in variables]
        due = optimizer.up_to_date(variables[0]).numpy()
        optimizer.catch_up()
        np.testing.assert_array_equal(variables[0], due)
        return copies, [variable.numpy() for variable in (*variables, *optimizer.variables)]

    copies, found = after_three_steps(mirrored)
    _, expected = after_three_steps(tf.distribute.get_strategy())
    assert [len(of_variable) for of_variable in copies] == [2, 2]
    for first, second in copies:
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=1e-6)


def test_a_step_computes_nothing_as_large_as_the_table():
    optimizer, variables = made(LazyAdamW)
    rows = tf.function(lambda gradient: optimizer.apply([gradient], variables[:1]), autograph=False)
    graph = rows.get_concrete_function(entries(0, [1, 2])).graph
    values = [output for each in graph.get_operations() for output in each.outputs]
    assert not [value for value in values if value.shape.rank == 2 and value.shape[0] == ROWS]


def test_a_step_can_be_compiled_by_xla():
    (_, expected), (optimizer, variables) = trained(BATCHES[:1]), made(LazyAdamW)
    compiled = tf.function(lambda g: optimizer.apply([g, tf.convert_to_tensor(g)], variables), jit_compile=True)
    compiled(entries(1, BATCHES[0]))
    np.testing.assert_allclose(variables[0], expected[0], rtol=1e-5)


def test_what_is_saved_is_what_it_was():
    optimizer = LazyAdamW(RATE, decay=0.3, rows=["embeddings"])
    assert keras.optimizers.deserialize(keras.optimizers.serialize(optimizer)).get_config() == optimizer.get_config()


def test_without_decay_no_row_remembers_an_update():
    optimizer = LazyAdamW(RATE, decay=0.0, rows=["embeddings"])
    variable = keras.Variable(initial(), name="embeddings")
    optimizer.build([variable])
    optimizer.apply([entries(0, [1])], [variable])
    assert [each.dtype for each in optimizer.variables if len(each.shape) == 1] == []
    np.testing.assert_array_equal(optimizer.up_to_date(variable), variable)


def test_decay_that_would_turn_weights_around_is_refused():
    entry = OPTIMIZERS.get("lazy_adamw")
    with pytest.raises(ConfigurationError, match=r"training.weight_decay: .* below 1, found 10.0 \* 0.1"):
        entry.build(RATE, 10.0, {}, entry.options())
