import numpy as np
import pytest

from tfmtl.models.layers.positions import PositionEmbedding

STATES = np.random.default_rng(0).normal(size=[2, 3, 4]).astype(np.float32)


def built(kind):
    layer = PositionEmbedding(kind, length=6)
    layer.build(STATES.shape)
    return layer


def test_learned_positions_are_rows_of_a_table():
    layer = built("learned")
    (table,) = layer.weights
    np.testing.assert_allclose(layer(STATES), STATES + np.array(table)[:3], atol=1e-6)
    np.testing.assert_allclose(layer(STATES, start=2), STATES + np.array(table)[2:5], atol=1e-6)


@pytest.mark.parametrize("start", [0, 2])
def test_sine_positions_are_those_of_the_formula(start):
    places = np.arange(start, start + 3)[:, None]
    angles = places / 10000.0 ** (np.array([0, 0, 2, 2]) / 4)
    expected = np.where(np.arange(4) % 2 == 0, np.sin(angles), np.cos(angles))
    layer = built("sine")
    np.testing.assert_allclose(layer(STATES, start=start), STATES + expected, atol=1e-5)
    assert layer.weights == []


def test_rotary_positions_add_nothing():
    layer = built("rotary")
    np.testing.assert_array_equal(layer(STATES), STATES)
    assert layer.weights == []


def test_its_configuration_makes_it_again():
    assert PositionEmbedding.from_config(built("sine").get_config()).kind == "sine"
    with pytest.raises(ValueError, match="known: learned, sine, rotary"):
        PositionEmbedding("none", 3)
