import numpy as np
import pytest
from pydantic import ValidationError

from tfmtl.core.registry import ENCODERS
from tfmtl.models.build import build_model
from tfmtl.models.decoders.lstm import LSTMDecoder
from tfmtl.models.encoders.bilstm_attention import BiLSTMEncoder, BiLSTMOptions

TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 3, 9, 8, 3]])
PLAIN = {"layers": 1, "hidden": 8, "max_length": 6, "dropout": 0.0}


def embedded(seed=0):
    return np.random.default_rng(seed).normal(size=[2, 6, 8]).astype(np.float32) * 8**-0.5


def encoder(**options):
    layer = BiLSTMEncoder(**{**PLAIN, **options})
    layer.build((None, None, 8), (None, None))
    return layer


def test_it_is_registered():
    entry = ENCODERS.get("bilstm_attention")
    assert (entry.build, entry.options) == (BiLSTMEncoder, BiLSTMOptions)


@pytest.mark.parametrize("pair_attention", [False, True])
def test_padding_changes_no_text(pair_attention):
    layer, states = encoder(pair_attention=pair_attention, layers=2), embedded()
    changed = np.where((TOKENS == 0)[..., None], 50.0, states).astype(np.float32)
    found, same = np.array(layer(states, TOKENS).last), np.array(layer(changed, TOKENS).last)
    np.testing.assert_allclose(found[TOKENS != 0], same[TOKENS != 0], atol=1e-6)
    np.testing.assert_allclose(layer(states[:1, :4], TOKENS[:1, :4]).last[0], found[0, :4], atol=1e-6)


def test_states_of_padding_are_zero_and_carry_no_mask_that_layers_behind_would_warn_of():
    found = encoder()(embedded(), TOKENS).last
    assert getattr(found, "_keras_mask", None) is None
    found = np.array(found)
    assert not found[TOKENS == 0].any() and found[TOKENS != 0].all()


def test_each_state_has_read_both_directions():
    layer, states = encoder(), embedded()
    for place, half in ((0, slice(4)), (5, slice(4, 8))):
        changed = states.copy()
        changed[1, place] += 1.0
        moved = ~np.isclose(np.array(layer(changed, TOKENS).last)[1], np.array(layer(states, TOKENS).last)[1])
        # What was changed at one end is seen at the other by one direction only.
        assert moved[5 - place][half].all() and not np.delete(moved[5 - place], np.arange(8)[half]).any()


def test_a_text_finds_the_other_one_of_its_pair():
    layer = encoder(pair_attention=True)
    states = embedded()
    found = np.array(layer._other_text(states, TOKENS))
    np.testing.assert_array_equal(found[0, :4], np.zeros([4, 8], np.float32))
    first, second = states[1, :3], states[1, 3:]
    scores = np.exp(first @ second.T)
    np.testing.assert_allclose(found[1, :3], scores / scores.sum(axis=1, keepdims=True) @ second, atol=1e-5)


def test_word_dropout_drops_whole_pieces():
    layer, states = encoder(token_dropout=0.5), embedded()
    dropped = np.array(layer.token_dropout(states, training=True))
    gone = (dropped == 0).all(axis=-1)
    np.testing.assert_allclose(dropped[~gone], 2 * states[~gone], rtol=1e-6)


def test_an_odd_width_is_refused():
    with pytest.raises(ValidationError, match="multiple of 2"):
        BiLSTMOptions(hidden=7)


def test_its_configuration_makes_it_again():
    layer = encoder(pair_attention=True)
    assert BiLSTMEncoder.from_config(layer.get_config()).options == layer.options


def test_a_model_of_all_kinds_of_tasks_has_its_decoder(make_experiment, data):
    encoder = {"type": "bilstm_attention", "layers": 1, "hidden": 16, "pair_attention": True, "max_length": 48}
    experiment = make_experiment(model={"encoder": encoder})
    model = build_model(
        experiment.model, data.tasks, data.slices, data.columns, data.tokenizer.vocabulary_size, "float32"
    )
    assert isinstance(model.network.layers.decoders["title"], LSTMDecoder)
    assert sorted(model.output) == sorted(data.tasks)
