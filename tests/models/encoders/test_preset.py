import shutil
from typing import NamedTuple

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tests.presets import FAMILIES, MAX_LENGTH, save_preset
from tfmtl.core.errors import ConfigurationError
from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID
from tfmtl.data.tokenizers.preset import NEW_ROW, piece_order
from tfmtl.models.decoders.preset import BartDecoder
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.encoders.preset import PresetEncoder


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """Returns the folder of a family's preset."""
    folders = {}

    def of(family):
        if family not in folders:
            folders[family] = save_preset(family, tmp_path_factory.mktemp(family))
        return folders[family]

    return of


class Reading(NamedTuple):
    """A model of the trunk alone, with the embedding that it takes on; the preset's rows, in the tokenizer's order."""

    model: keras.Model
    encoder: PresetEncoder
    embedding: keras_hub.layers.ReversibleEmbedding
    order: np.ndarray


def model_of(folder, **options) -> Reading:
    encoder = PresetEncoder(preset=str(folder), max_length=32, decoder_heads=2, **options, name="encoder")
    order = piece_order(keras_hub.tokenizers.Tokenizer.from_preset(str(folder)))
    embedding = keras_hub.layers.ReversibleEmbedding(len(order), encoder.width, name="embedding")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    model = keras.Model(tokens, encoder(embedding(tokens), tokens).last)
    encoder.load_pretrained_rows(embedding)
    encoder.freeze(embedding)
    return Reading(model, encoder, embedding, order)


def states_of_preset(folder, tokens, order):
    """What the preset's own backbone makes of ids in its own order."""
    backbone = keras_hub.models.Backbone.from_preset(str(folder))
    inputs = {"token_ids": np.maximum(order[tokens], 0), "padding_mask": (tokens != PAD_ID).astype(np.int32)}
    if "segment_ids" in backbone.input:
        ends = np.cumsum(tokens == END_ID, axis=1) - (tokens == END_ID)
        inputs["segment_ids"] = np.minimum(ends, 1)
    if "encoder_token_ids" in backbone.input:
        inputs = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in inputs.items()}
    states = backbone(inputs)
    if isinstance(states, dict):
        states = states["encoder_sequence_output" if "encoder_sequence_output" in states else "sequence_output"]
    return np.array(states)


# A text, and a pair: every mark but those that a family may lack.
TOKENS = np.array([[9, 5, 7, END_ID, PAD_ID, PAD_ID, PAD_ID], [6, END_ID, 8, 10, 5, 12, END_ID]], np.int32)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_reads_as_the_preset_does(preset, family):
    folder = preset(family)
    reading = model_of(folder)
    found, expected = np.array(reading.model(TOKENS)), states_of_preset(folder, TOKENS, reading.order)
    assert found.shape == (2, 7, 8)
    np.testing.assert_allclose(found[TOKENS != PAD_ID], expected[TOKENS != PAD_ID], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["electra", "bart"])
def test_a_saved_model_needs_no_preset(family, tmp_path):
    folder = save_preset(family, tmp_path / "preset")
    model = model_of(folder).model
    model.save(tmp_path / "model.keras")
    shutil.rmtree(folder)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(TOKENS), model(TOKENS))
    assert loaded.count_params() == model.count_params()


def test_marks_that_a_preset_lacks_get_rows_of_their_own(preset):
    reading = model_of(preset("gpt2"))
    rows, order = reading.embedding.get_weights()[0], reading.order
    own = keras_hub.models.Backbone.from_preset(str(preset("gpt2"))).token_embedding.get_weights()[0]
    new = order == NEW_ROW
    assert new.tolist()[: END_ID + 1] == [True, False, True, False] and new.sum() == 2
    np.testing.assert_array_equal(rows[~new], own[order[~new]])
    assert 0 < np.abs(rows[PAD_ID]).max() < 10 * own.std()
    # GPT-2 has learned that a text begins after the end of another.
    np.testing.assert_array_equal(rows[START_ID], own[order[END_ID]])


def test_lower_layers_learn_more_slowly(preset):
    reading = model_of(preset("bert"), layer_decay=0.5)
    rates = reading.encoder.rates()
    # Two layers: the embedding lies below the first, heads above the second.
    assert rates["embedding/embeddings"] == 0.5**3
    assert {rate for path, rate in rates.items() if "layer_0/" in path} == {0.5**2}
    assert {rate for path, rate in rates.items() if "layer_1/" in path} == {0.5}
    assert rates.keys() == {variable.path for variable in reading.model.trainable_variables}
    assert model_of(preset("bert")).encoder.rates() == {}


@pytest.mark.parametrize(
    ("family", "options", "can_write"),
    [
        ("bert", {}, False),
        ("gpt2", {}, True),
        ("gpt2", {"pretrained_decoder": False}, False),
        ("bart", {}, True),
        ("deberta_v3", {}, False),
    ],
)
def test_what_has_written_before_can_write(preset, family, options, can_write):
    assert model_of(preset(family), **options).encoder.can_write is can_write


def test_frozen_it_stays_as_it_is(preset):
    model = model_of(preset("roberta"), frozen=True).model
    assert not model.trainable_variables and len(model.variables) > 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "nowhere/at_all"}, "model.encoder.preset: there is no folder 'nowhere/at_all'"),
        (
            {"preset": "deberta_v3", "pretrained_decoder": True},
            "cannot write summaries, because KerasHub's DebertaV3 has no decoder; leave this out for a new one",
        ),
        ({"max_length": MAX_LENGTH + 1}, f"reads at most {MAX_LENGTH} tokens, asked for {MAX_LENGTH + 1}"),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(preset, options, message):
    options = {"preset": "bert", "max_length": 32, "decoder_heads": 2, **options}
    if options["preset"] in FAMILIES:
        options["preset"] = str(preset(options["preset"]))
    with pytest.raises(ConfigurationError) as caught:
        PresetEncoder(**options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_the_tokenizer_of_another_family_is_told(preset, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(preset("bart"), mixed)
    for path in [mixed / "tokenizer.json", mixed / "assets" / "tokenizer"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    keras_hub.tokenizers.Tokenizer.from_preset(str(preset("roberta"))).save_to_preset(str(mixed))
    with pytest.raises(ConfigurationError, match="belongs to a RobertaBackbone, not to its BartBackbone"):
        model_of(mixed)


def encoder_of(folder, **options):
    return PresetEncoder(preset=str(folder), max_length=32, **options, name="encoder")


def test_a_new_decoder_is_as_wide_as_the_embedding(preset):
    new = encoder_of(preset("bart"), pretrained_decoder=False, decoder_heads=4).decoder(1, None, 7)
    assert isinstance(new, TransformerDecoder) and (new.options.layers, new.options.heads) == (1, 4)
    assert new.options.dropout == 0.1
    with pytest.raises(ConfigurationError, match=r"decoder_heads: 3 does not divide 8, the width of the embedding "):
        encoder_of(preset("deberta_v3"), decoder_heads=3).decoder(1, None, 7)


def test_each_task_gets_a_copy_of_the_preset_s_decoder(preset):
    encoder = encoder_of(preset("bart"))
    own = keras_hub.models.Backbone.from_preset(str(preset("bart")))
    decoders = [encoder.decoder(9, None, 7, name=name) for name in ("title_decoder", "note_decoder")]
    for decoder in decoders:
        for value, expected in zip(decoder.get_weights(), BartDecoder.weights_of(own), strict=True):
            np.testing.assert_array_equal(value, expected)
    assert not {id(variable) for variable in decoders[0].variables} & {id(variable) for variable in encoder.variables}
    assert encoder.decoder(9, 0.4, 7).get_config()["backbone"]["config"]["dropout"] == 0.4
    with pytest.raises(ConfigurationError, match=f"writes at most {MAX_LENGTH} tokens, asked for {MAX_LENGTH + 1}$"):
        encoder.decoder(9, None, MAX_LENGTH + 1)


def test_pieces_are_written_as_the_preset_writes_them(tmp_path):
    backbone, make_tokenizer, sizes = FAMILIES["t5"]
    tokenizer = make_tokenizer()
    own = backbone(vocabulary_size=tokenizer.vocabulary_size(), tie_embedding_weights=False, **sizes)
    for part in (own, tokenizer):
        part.save_to_preset(str(tmp_path))
    encoder, order = encoder_of(tmp_path), piece_order(tokenizer)
    assert not encoder.tied and encoder_of(tmp_path, pretrained_decoder=False).tied
    embedding = keras_hub.layers.ReversibleEmbedding(len(order), encoder.width, tie_weights=False)
    embedding.build((None, None))
    encoder.load_pretrained_rows(embedding)
    hidden = np.ones([1, 1, encoder.width], np.float32)
    found, expected = embedding(hidden, reverse=True)[0, 0], own.token_embedding(hidden, reverse=True)[0, 0]
    known = order != NEW_ROW
    np.testing.assert_allclose(np.array(found)[known], np.array(expected)[order[known]], rtol=1e-5)


def test_a_tokenizer_of_another_preset_is_told(preset, tmp_path):
    folder = shutil.copytree(preset("bert"), tmp_path / "mixed")
    other = keras_hub.models.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(100))])
    other.save_to_preset(str(folder))
    with pytest.raises(ConfigurationError, match=r"the tokenizer of .* has 105 tokens, its backbone \d\d$"):
        model_of(folder)


def test_in_bfloat16_it_reads_about_the_same(preset):
    model = model_of(preset("bert")).model
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        lower = model_of(preset("bert")).model
    finally:
        keras.config.set_dtype_policy("float32")
    assert lower.dtype_policy.name == "mixed_bfloat16" and lower(TOKENS).dtype == "bfloat16"
    found, expected = (np.array(of(TOKENS)).astype(np.float32)[TOKENS != PAD_ID] for of in (lower, model))
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_its_graph_is_traced_for_all_lengths(preset):
    model = model_of(preset("bert")).model
    traced = tf.function(model, input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
    assert traced(TOKENS).shape == (2, 7, 8) and traced(TOKENS[:1, :4]).shape == (1, 4, 8)
