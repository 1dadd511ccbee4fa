import numpy as np
import pytest
from pydantic import ValidationError

from tfmtl.core.registry import ENCODERS
from tfmtl.models.encoders.transformer import TransformerEncoder, TransformerOptions

TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 3, 9, 8, 3]])
PLAIN = {"layers": 1, "hidden": 8, "heads": 2, "feedforward": 16, "max_length": 6, "dropout": 0.0}


def embedded(seed=0):
    return np.random.default_rng(seed).normal(size=[2, 6, 8]).astype(np.float32) * 8**-0.5


def encoder(**options):
    layer = TransformerEncoder(**{**PLAIN, **options})
    layer.build((None, None, 8), (None, None))
    return layer


def test_it_is_registered():
    entry = ENCODERS.get("transformer")
    assert (entry.build, entry.options) == (TransformerEncoder, TransformerOptions)


def test_padding_changes_no_text():
    layer, states = encoder(), embedded()
    changed = np.where((TOKENS == 0)[..., None], 50.0, states).astype(np.float32)
    found, same = np.array(layer(states, TOKENS).last), np.array(layer(changed, TOKENS).last)
    np.testing.assert_array_equal(found[TOKENS != 0], same[TOKENS != 0])
    np.testing.assert_allclose(layer(states[:1, :4], TOKENS[:1, :4]).last[0], found[0, :4], atol=1e-6)


def test_positions_and_the_text_of_a_pair_are_told_apart():
    layer, same = encoder(layers=1), np.full([1, 6, 8], 0.3, np.float32)
    single, pair = np.int32([[2, 7, 7, 7, 7, 3]]), np.int32([[2, 7, 3, 7, 7, 3]])
    states, of_pair = np.array(layer(same, single).last), np.array(layer(same, pair).last)
    assert not np.allclose(states[0, 1], states[0, 2])
    assert not np.allclose(states[0, 4], of_pair[0, 4])


def test_word_dropout_drops_whole_pieces_in_training_only():
    layer, states = encoder(token_dropout=0.5), embedded()
    dropped = np.array(layer.token_dropout(states, training=True))
    gone = (dropped == 0).all(axis=-1)
    np.testing.assert_allclose(dropped[~gone], 2 * states[~gone], rtol=1e-6)
    np.testing.assert_array_equal(layer(states, TOKENS).last, layer(states, TOKENS, training=False).last)


def test_the_states_are_normalised():
    states = np.array(encoder()(embedded(), TOKENS).last)
    np.testing.assert_allclose(states.mean(axis=-1), 0.0, atol=1e-5)
    np.testing.assert_allclose(states.std(axis=-1), 1.0, atol=1e-2)


@pytest.mark.parametrize("positions", ["sine", "rotary"])
def test_other_positions_tell_places_apart_too(positions):
    layer, states = encoder(positions=positions, layers=2), embedded()
    swapped = states.copy()
    swapped[1, [3, 4]] = swapped[1, [4, 3]]
    found, moved = np.array(layer(states, TOKENS).last)[1], np.array(layer(swapped, TOKENS).last)[1]
    assert not np.allclose(found[1], moved[1], atol=1e-4)


def test_rotary_heads_have_an_even_width():
    with pytest.raises(ValidationError, match="even width, not 3"):
        TransformerOptions(hidden=12, heads=4, positions="rotary")


def test_its_configuration_makes_it_again():
    layer = encoder()
    assert TransformerEncoder.from_config(layer.get_config()).options == layer.options


def test_options_are_checked():
    with pytest.raises(ValidationError, match=r"'hidden' \(8\) must be a multiple of 'heads' \(3\)"):
        TransformerOptions(hidden=8, heads=3)
