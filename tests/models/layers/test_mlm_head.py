import keras
import numpy as np
from scipy.special import erf

from tfmtl.data.special_tokens import GAP_ID
from tfmtl.models.layers.mlm_head import MLMHead
from tfmtl.models.trunk import States

TOKENS = np.int32([[2, GAP_ID, 9, GAP_ID, 3], [2, 9, 8, GAP_ID, 3]])


def by_hand(layer, states):
    dense = states @ np.array(layer.dense.kernel) + np.array(layer.dense.bias)
    dense = 0.5 * dense * (1.0 + erf(dense / np.sqrt(2.0)))
    deviation = np.sqrt(dense.var(axis=-1, keepdims=True) + layer.norm.epsilon)
    return (dense - dense.mean(axis=-1, keepdims=True)) / deviation


def test_the_states_of_gaps_come_in_their_order():
    states = np.random.default_rng(0).normal(size=[2, 5, 4]).astype(np.float32)
    layer = MLMHead()
    found = layer(np.zeros([2, 2, 4], np.float32), States(states), TOKENS)
    assert found.shape == (2, 2, 4)
    np.testing.assert_allclose(found[0], by_hand(layer, states[0, [1, 3]]), atol=1e-5)
    np.testing.assert_allclose(found[1, 0], by_hand(layer, states[1, 3]), atol=1e-5)


def test_it_stands_in_a_functional_model_of_any_lengths(tmp_path):
    embedded, states = keras.Input((None, 4)), keras.Input((None, 4))
    tokens = keras.Input((None,), dtype="int32")
    model = keras.Model([embedded, states, tokens], MLMHead()(embedded, States(states), tokens))
    assert model.output.shape == (None, None, 4)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    values = [np.zeros([2, 2, 4], np.float32), np.random.default_rng(1).normal(size=[2, 5, 4]), TOKENS]
    np.testing.assert_allclose(loaded(values), model(values), atol=1e-6)
