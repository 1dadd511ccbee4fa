import json

import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from tests.presets import FAMILIES
from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.data.special_tokens import END_ID, SPECIAL_IDS, START_ID
from tfmtl.data.tokenizers.preset import NEW_ROW, PresetTokenizer, PresetTokenizerOptions, load_tokenizer, piece_order

MARKS = {
    "bert": ["[PAD]", "[MASK]", "[CLS]", "[SEP]"],
    "distil_bert": ["[PAD]", "[MASK]", "[CLS]", "[SEP]"],
    "electra": ["[PAD]", "[MASK]", "[CLS]", "[SEP]"],
    "roberta": ["<pad>", "<mask>", "<s>", "</s>"],
    "bart": ["<pad>", "<mask>", "<s>", "</s>"],
    "gpt2": [None, "<mask>", None, "<|endoftext|>"],
    "albert": ["<pad>", "[MASK]", "[CLS]", "[SEP]"],
    "deberta_v3": ["[PAD]", "[MASK]", "[CLS]", "[SEP]"],
    "xlm_roberta": ["<pad>", "<mask>", "<s>", "</s>"],
    "t5": ["<pad>", None, "<pad>", "</s>"],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_marks_come_first_and_every_other_piece_once(family):
    layer = FAMILIES[family][1]()
    order = piece_order(layer)
    marks = order[:SPECIAL_IDS].tolist()
    assert [None if place == NEW_ROW else layer.id_to_token(place) for place in marks] == MARKS[family]
    pieces = sorted(set(range(layer.vocabulary_size())) - set(order[:SPECIAL_IDS].tolist()))
    assert order[SPECIAL_IDS:].tolist() == pieces


@pytest.fixture(scope="module", params=sorted({"bert", "roberta", "xlm_roberta"} & FAMILIES.keys()))
def tokenizers(request, tmp_path_factory):
    """The tokenizer of a family as KerasHub makes it, and ours, saved and loaded."""
    layer = FAMILIES[request.param][1]()
    folder = tmp_path_factory.mktemp(request.param)
    PresetTokenizer(layer).save(folder)
    return layer, PresetTokenizer.load(folder)


def test_pieces_are_those_of_the_preset_in_another_order(tokenizers):
    layer, tokenizer = tokenizers
    texts = ["the cat sleeps", "", "her dog eats the fish"]
    # Without a graph, KerasHub returns lists.
    expected = layer.tokenize(texts)
    found = tokenizer.tokenize(tf.constant(texts))
    places = {int(piece): number for number, piece in enumerate(piece_order(layer)) if number >= SPECIAL_IDS}
    for row, reference in zip(found.to_list(), expected, strict=True):
        assert row == [places[piece] for piece in reference]
    assert found.dtype == tf.int32 and tokenizer.vocabulary_size == len(piece_order(layer))


def test_texts_come_back_and_marks_do_not(tokenizers):
    _, tokenizer = tokenizers
    ids = tokenizer.tokenize(tf.constant(["the cat", "the"])).to_tensor()
    marked = tf.concat([tf.fill([2, 1], 2), ids, tf.fill([2, 1], 3)], axis=1)
    texts = tf.function(tokenizer.detokenize, autograph=False)(marked).numpy()
    assert [text.decode().strip() for text in texts] == ["the cat", "the"]


def test_what_is_unknown_is_no_mark_and_is_not_written(tokenizers):
    _, tokenizer = tokenizers
    (ids,) = tokenizer.tokenize(tf.constant(["the \u4e16 cat"])).to_list()
    # A mark in a text would be taken for a gap, or for an end.
    assert len(ids) > 2 and min(ids) >= SPECIAL_IDS
    (text,) = tf.function(tokenizer.detokenize, autograph=False)(tf.constant([ids])).numpy()
    assert text.decode().split() == ["the", "cat"]


def test_an_export_of_it_answers_in_another_graph(tokenizers, tmp_path):
    _, tokenizer = tokenizers
    module = tf.Module()
    module.layer = tokenizer.layer
    module.tokenize = tf.function(
        lambda texts: tokenizer.tokenize(texts).to_tensor(), [tf.TensorSpec([None], tf.string)], autograph=False
    )
    expected = module.tokenize(tf.constant(["the cat eats"]))
    tf.saved_model.save(module, str(tmp_path))
    np.testing.assert_array_equal(tf.saved_model.load(str(tmp_path)).tokenize(tf.constant(["the cat eats"])), expected)


def test_what_cannot_be_loaded_is_told_in_a_line(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^model.encoder.preset: there is no folder 'not/here'$"):
        PresetTokenizer.train(PresetTokenizerOptions(preset="not/here"), [])
    with pytest.raises(RunError, match="there is no tokenizer"):
        PresetTokenizer.load(tmp_path)
    keras_hub.models.BertTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]).save_to_preset(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        PresetTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("said", "expected"),
    [({}, ["a", "cafe"]), ({"strip_accents": False}, ["a", "[UNK]"]), ({"do_lower_case": False}, ["[UNK]", "[UNK]"])],
)
def test_a_bert_of_transformers_strips_accents_where_it_lowercases(said, expected, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}), encoding="utf-8")
    settings = {"do_lower_case": True, "tokenizer_class": "BertTokenizer", **said}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cafe"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    tokenizer = load_tokenizer(str(tmp_path))
    assert [tokenizer.id_to_token(int(piece)) for piece in tokenizer.tokenize("A café")] == expected


def test_a_llama_with_marks_of_its_own_is_saved_with_them(tmp_path):
    letters = ["\u0120", ".", "<", ">", "|", "_", *(chr(code) for code in range(ord("a"), ord("z") + 1))]
    marks = {"bos_token": "<|go|>", "eos_token": "<|stop|>", "misc_special_tokens": {"<|pad|>", "<|tool|>"}}
    pieces = [*letters, "he", "<|go|>", "<|stop|>", "<|pad|>", "<|tool|>"]
    layer = keras_hub.models.Llama3Tokenizer({piece: number for number, piece in enumerate(pieces)}, ["h e"], **marks)
    layer.save_to_preset(str(tmp_path / "whole"))
    # KerasHub cannot load its own preset of such a tokenizer; one of Transformers has the marks in its files.
    layer.unsplittable_tokens = []
    tokenizer = PresetTokenizer(layer)
    tokenizer.save(tmp_path / "run")
    loaded = PresetTokenizer.load(tmp_path / "run")
    assert (loaded.layer.start_token, loaded.layer.end_token) == ("<|go|>", "<|stop|>")
    np.testing.assert_array_equal(piece_order(loaded.layer), piece_order(layer))
    texts = tf.constant(["a <|tool|> is <|stop|> here"])
    for each in (tokenizer, loaded):
        tokens = each.tokenize(texts)
        # What looks like a mark is a text, which nothing can tell from other texts.
        assert START_ID not in tokens.to_list()[0] and END_ID not in tokens.to_list()[0]
        assert tf.function(each.detokenize)(tokens.to_tensor()).numpy().tolist() == texts.numpy().tolist()
