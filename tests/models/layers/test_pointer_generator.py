import random

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.models.layers.pointer_generator import PointerGeneratorHead

VOCABULARY, WIDTH = 12, 8
generator = np.random.default_rng(0)
LOGITS = generator.normal(size=[3, 4, VOCABULARY]).astype(np.float32)
HIDDEN = generator.normal(size=[3, 4, WIDTH]).astype(np.float32)
STATES = generator.normal(size=[3, 6, WIDTH]).astype(np.float32)
EMBEDDED = generator.normal(size=[3, 6, WIDTH]).astype(np.float32)
# The second row holds a piece twice, the third none at all.
SOURCE = np.int32([[2, 7, 8, 9, 3, 0], [2, 5, 6, 5, 11, 3], [2, 3, 0, 0, 0, 0]])
TARGETS = np.int32([[7, 4, 3, 0], [5, 11, 10, 3], [5, 3, 0, 0]])
# As at the positions that have a target.
AT_TARGETS = LOGITS[TARGETS != 0]


def head(copy_source=True, label_smoothing=0.0):
    random.seed(2)
    layer = PointerGeneratorHead(copy_source, label_smoothing, name="title")
    layer.build(AT_TARGETS.shape, HIDDEN.shape, STATES.shape, EMBEDDED.shape, SOURCE.shape, TARGETS.shape)
    for variable in layer.variables:
        variable.assign(variable + 0.2 * generator.normal(size=variable.shape))
    return layer


def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def dense(layer, inputs):
    return inputs @ np.array(layer.kernel) + (np.array(layer.bias) if layer.use_bias else 0.0)


def mixture(layer):
    """See et al. 2017, eq. 9, in plain numpy: probabilities `[batch, length, vocabulary]`."""
    generated = softmax(LOGITS)
    probabilities = np.zeros_like(generated)
    for row in range(len(SOURCE)):
        places = np.flatnonzero(SOURCE[row] >= 4)
        if not len(places):
            probabilities[row] = generated[row]
            continue
        gate = 1 / (1 + np.exp(-dense(layer.gate, HIDDEN[row])))
        # A key knows the state, the piece and the piece before it.
        pieces = EMBEDDED[row] * np.sqrt(WIDTH)
        before = np.concatenate([np.zeros([1, WIDTH]), pieces[:-1]])
        known = np.concatenate([STATES[row], pieces, before], axis=1)[places]
        scores = dense(layer.copy_query, HIDDEN[row]) @ dense(layer.copy_key, known).T / np.sqrt(WIDTH)
        probabilities[row] = gate * generated[row]
        for place, weight in zip(places, softmax(scores).T, strict=True):
            probabilities[row][:, SOURCE[row, place]] += (1 - gate[:, 0]) * weight
    return probabilities


def of_targets(probabilities):
    chosen = np.log(np.take_along_axis(probabilities, TARGETS[..., None], axis=-1)[..., 0])
    return np.where(TARGETS == 0, 0.0, chosen)


def test_the_likelihood_of_a_target_is_that_of_the_mixture():
    layer = head()
    found = layer(AT_TARGETS, HIDDEN, STATES, EMBEDDED, SOURCE, TARGETS)
    np.testing.assert_allclose(found, of_targets(mixture(layer)), atol=1e-5)


def test_at_one_position_every_piece_has_its_probability_of_the_mixture():
    layer = head()
    expected, keys = mixture(layer), layer.copy_keys(STATES, EMBEDDED)
    for position in range(4):
        here = slice(position, position + 1)
        found = np.exp(layer.log_probabilities(LOGITS[:, here], HIDDEN[:, here], keys, SOURCE))
        np.testing.assert_allclose(found, expected[:, position], atol=1e-6)
        np.testing.assert_allclose(found.sum(axis=-1), 1.0, atol=1e-5)


def test_marks_are_not_copied():
    layer = head()
    layer.gate.bias.assign([-30.0])
    for row in range(2):
        found = layer.log_probabilities(
            LOGITS[row : row + 1, :1],
            HIDDEN[row : row + 1, :1],
            layer.copy_keys(STATES[row : row + 1], EMBEDDED[row : row + 1]),
            SOURCE[row : row + 1],
        )
        copied = np.exp(found[0])
        assert set(np.flatnonzero(copied > 1e-6)) == {*SOURCE[row][SOURCE[row] >= 4]}


def test_without_copying_it_is_a_softmax():
    layer = head(copy_source=False)
    assert not layer.variables
    np.testing.assert_allclose(
        layer(AT_TARGETS, HIDDEN, STATES, EMBEDDED, SOURCE, TARGETS), of_targets(softmax(LOGITS)), atol=1e-5
    )
    found = layer.log_probabilities(LOGITS[:, :1], HIDDEN[:, :1], None, SOURCE)
    np.testing.assert_allclose(found, np.log(softmax(LOGITS[:, 0])), atol=1e-5)


@pytest.mark.parametrize("copy_source", [True, False])
def test_smoothing_mixes_in_the_mean_over_the_vocabulary_in_training_only(copy_source):
    layer = head(copy_source, label_smoothing=0.1)
    plain = of_targets(mixture(layer) if copy_source else softmax(LOGITS))
    uniform = np.log(softmax(LOGITS)).mean(axis=-1)
    smoothed = np.where(TARGETS == 0, 0.0, 0.9 * plain + 0.1 * uniform)
    np.testing.assert_allclose(
        layer(AT_TARGETS, HIDDEN, STATES, EMBEDDED, SOURCE, TARGETS, training=True), smoothed, atol=1e-5
    )
    np.testing.assert_allclose(layer(AT_TARGETS, HIDDEN, STATES, EMBEDDED, SOURCE, TARGETS), plain, atol=1e-5)


def test_gradients_are_finite_where_nothing_can_be_copied():
    layer = head()
    with tf.GradientTape() as tape:
        likelihood = tf.reduce_sum(layer(AT_TARGETS, HIDDEN, STATES, EMBEDDED, SOURCE, TARGETS))
    for gradient in tape.gradient(likelihood, [variable.value for variable in layer.trainable_variables]):
        assert np.isfinite(gradient).all()


def test_its_configuration_makes_it_again():
    layer = PointerGeneratorHead(True, 0.1, name="title")
    assert PointerGeneratorHead.from_config(layer.get_config()).get_config() == layer.get_config()
