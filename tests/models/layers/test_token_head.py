import keras
import numpy as np
import pytest

from tfmtl.models.layers.token_head import TokenHead

STATES = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32)
TOKENS = np.ones((2, 5), np.int32)


def test_each_token_has_its_own_output():
    head = TokenHead(3, name="slots")
    found = head(STATES, TOKENS)
    kernel, bias = head.get_weights()
    np.testing.assert_allclose(found, STATES @ kernel + bias, rtol=1e-5)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_outputs_are_float32(policy):
    assert keras.backend.standardize_dtype(TokenHead(3, dtype=policy)(STATES, TOKENS).dtype) == "float32"


def test_it_is_made_again_from_its_configuration():
    head = TokenHead(3, dropout=0.25, name="slots")
    again = TokenHead.from_config(head.get_config())
    assert (again.outputs, again.rate, again.name) == (3, 0.25, "slots")


def test_dropout_is_on_in_training_alone():
    head = TokenHead(3, dropout=0.5)
    plain = head(STATES, TOKENS)
    np.testing.assert_array_equal(head(STATES, TOKENS, training=False), plain)
    assert np.abs(head(STATES, TOKENS, training=True) - plain).max() > 0.1
