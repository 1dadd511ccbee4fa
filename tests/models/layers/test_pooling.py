import numpy as np

from tfmtl.models.layers.pooling import AttentionPooling, LastPooling

generator = np.random.default_rng(0)
STATES = generator.normal(size=[2, 4, 3]).astype(np.float32)


def test_pooling_is_the_mean_at_first_and_then_weighted_by_the_score():
    pooling, mask = AttentionPooling(), np.array([[True, True, True, False], [False, True, True, True]])
    expected = [states[keep].mean(axis=0) for states, keep in zip(STATES, mask, strict=True)]
    np.testing.assert_allclose(pooling(STATES, mask), expected, atol=1e-6)
    score = generator.normal(size=[3, 1]).astype(np.float32)
    pooling.score.kernel.assign(score)
    weights = np.exp(STATES @ score)[..., 0] * mask
    weights /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pooling(STATES, mask), np.einsum("bl,blh->bh", weights, STATES), atol=1e-5)


def test_the_last_state_is_that_of_the_last_place():
    mask = np.array([[True, True, False, False], [False, False, True, True]])
    np.testing.assert_array_equal(LastPooling()(STATES, mask), [STATES[0, 1], STATES[1, 3]])


def test_a_text_of_padding_has_a_last_state_too():
    assert np.isfinite(LastPooling()(STATES, np.zeros([2, 4], bool))).all()


def test_a_batch_without_rows_has_none():
    assert LastPooling()(STATES[:0], np.zeros([0, 4], bool)).shape == (0, 3)
    assert LastPooling()(STATES[:0, :0], np.zeros([0, 0], bool)).shape == (0, 3)
