import numpy as np
import pytest

from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.layers.pooling import LastPooling

generator = np.random.default_rng(0)
STATES = generator.normal(size=[2, 6, 8]).astype(np.float32)
TOKENS = np.int32([[2, 7, 3, 8, 3, 0], [2, 3, 5, 6, 7, 3]])
SEGMENTS = [([0, 1, 2], [3, 4]), ([0, 1], [2, 3, 4, 5])]


def built(head):
    head.build(STATES.shape, TOKENS.shape)
    return head


def test_the_logits_of_a_text_are_an_output_layer_on_its_mean():
    head = built(PooledHead(outputs=3, pair=False, dropout=0.5))
    pooled = np.stack([STATES[0, :5].mean(axis=0), STATES[1].mean(axis=0)])
    np.testing.assert_allclose(head(STATES, TOKENS), pooled @ np.array(head.output_layer.kernel), atol=1e-5)


def test_a_pair_is_pooled_text_by_text_and_compared():
    head = built(PooledHead(outputs=3, pair=True, dropout=0.0))
    features = []
    for states, (first, second) in zip(STATES, SEGMENTS, strict=True):
        u, v = states[first].mean(axis=0), states[second].mean(axis=0)
        features.append(np.concatenate([u, v, np.abs(u - v), u * v]))
    compared = np.tanh(np.stack(features) @ np.array(head.comparison.kernel))
    np.testing.assert_allclose(head(STATES, TOKENS), compared @ np.array(head.output_layer.kernel), atol=1e-5)


@pytest.mark.parametrize("pair", [False, True])
def test_a_row_of_padding_gives_numbers(pair):
    head = built(PooledHead(outputs=2, pair=pair, dropout=0.0))
    assert np.isfinite(head(STATES, np.zeros_like(TOKENS))).all()


def test_what_a_common_head_says_is_added():
    head, common = (built(PooledHead(outputs=3, dropout=0.0, common=name)) for name in ("shared", None))
    said = common(STATES, TOKENS)
    np.testing.assert_allclose(head(STATES, TOKENS, said), np.array(head(STATES, TOKENS)) + said, atol=1e-6)


def test_dropout_is_on_in_training_only():
    head = built(PooledHead(outputs=3, dropout=0.5))
    np.testing.assert_array_equal(head(STATES, TOKENS), head(STATES, TOKENS, training=False))
    assert not np.allclose(head(STATES, TOKENS), head(STATES, TOKENS, training=True))


def test_its_configuration_makes_it_again():
    head = PooledHead(outputs=3, pair=True, dropout=0.1, pooling=LastPooling, common="shared_head_0", name="topic")
    again = PooledHead.from_config(head.get_config())
    assert again.get_config() == head.get_config()
    assert (again.outputs, again.pair, again.rate, again.common, again.name) == (3, True, 0.1, "shared_head_0", "topic")
    assert isinstance(built(again).pooling, LastPooling)
