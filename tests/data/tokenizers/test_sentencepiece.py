import functools
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import DataError, RunError
from tfmtl.core.registry import TOKENIZERS
from tfmtl.data.special_tokens import END_ID, PAD_ID, SPECIAL_IDS, START_ID
from tfmtl.data.tokenizers.sentencepiece import SentencePieceOptions, SentencePieceTokenizer

TEXTS = [f"the cat number {row} sleeps near the {place}" for row in range(40) for place in ("river", "house")]


@functools.cache
def graphs(tokenizer):
    """Both ways in a graph, as everywhere: outside of one KerasHub returns lists."""
    return (
        tf.function(tokenizer.tokenize, [tf.TensorSpec([None], tf.string)], autograph=False),
        tf.function(tokenizer.detokenize, [tf.TensorSpec([None, None], tf.int32)], autograph=False),
    )


def tokenize(tokenizer, texts):
    return graphs(tokenizer)[0](tf.constant(texts))


def detokenize(tokenizer, ids):
    return [text.decode() for text in graphs(tokenizer)[1](tf.constant(ids)).numpy()]


def round_trip(tokenizer, texts):
    return detokenize(tokenizer, tokenize(tokenizer, texts).to_tensor(PAD_ID))


def test_it_is_registered():
    assert TOKENIZERS.get("sentencepiece").build is SentencePieceTokenizer


def test_a_round_trip_loses_nothing(tokenizer):
    texts = ["the cat sleeps.", "naïve café — 40 €", "猫は眠る", "🐈‍⬛ and 👩🏽‍🚀", "Ωμέγα", "<s> </s> <unk> <pad>"]
    texts = [unicodedata.normalize("NFKC", text) for text in texts]
    assert round_trip(tokenizer, texts) == texts


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFFF, categories=["L", "N", "Sm", "So"]), min_size=1))
def test_any_letter_or_symbol_comes_back(tokenizer, text):
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text))
    text = " ".join(text.split())
    assert round_trip(tokenizer, [text]) == [text]


def test_ids_are_never_marks(tokenizer):
    ids = tokenize(tokenizer, ["the cat <s> </s> \x00 �", "🐈", ""])
    assert ids.dtype == tf.int32
    assert ids.values.numpy().min() >= SPECIAL_IDS
    assert ids.values.numpy().max() < tokenizer.vocabulary_size
    assert ids.row_lengths().numpy()[2] == 0


def test_marks_and_padding_are_not_written(tokenizer):
    ids = tokenize(tokenizer, ["the cat sleeps"]).values.numpy()
    marked = [[START_ID, *ids, END_ID, PAD_ID, PAD_ID], [START_ID, END_ID] + [PAD_ID] * (len(ids) + 2)]
    assert detokenize(tokenizer, np.array(marked, np.int32)) == ["the cat sleeps", ""]


def test_the_same_text_gives_the_same_pieces(tokenizer_options, tmp_path):
    first, second = (SentencePieceTokenizer.train(tokenizer_options, iter(TEXTS)) for _ in range(2))
    assert first.proto == second.proto
    first.save(tmp_path / "tokenizer")
    assert SentencePieceTokenizer.load(tmp_path / "tokenizer").proto == first.proto


def test_case_is_folded_where_asked():
    options = SentencePieceOptions(vocabulary_size=400, lowercase=True)
    tokenizer = SentencePieceTokenizer.train(options, TEXTS)
    assert round_trip(tokenizer, ["The CAT"]) == ["the cat"]


def test_only_so_many_characters_are_learned_from():
    options = SentencePieceOptions(vocabulary_size=400, training_characters=1000)
    enough = [*TEXTS[:40], "QQQQ"]
    assert sum(map(len, TEXTS[:40])) > 1000
    assert (
        SentencePieceTokenizer.train(options, enough).proto == SentencePieceTokenizer.train(options, TEXTS[:40]).proto
    )


def test_it_runs_inside_a_data_pipeline(tokenizer):
    texts = ["the cat sleeps", "a puppy"]
    rows = tf.data.Dataset.from_tensor_slices(texts).batch(2).map(tokenizer.tokenize)
    assert next(iter(rows)).to_list() == tokenize(tokenizer, texts).to_list()


@pytest.mark.parametrize("texts", [[], ["", " \n "]])
def test_no_text_is_an_error(tokenizer_options, texts):
    with pytest.raises(DataError, match="the training text is empty"):
        SentencePieceTokenizer.train(tokenizer_options, texts)


def test_too_few_pieces_are_told():
    # 256 bytes and four marks are pieces whatever the text is.
    with pytest.raises(
        DataError, match=r"^tokenizer.vocabulary_size: SentencePiece cannot learn 200 pieces .* 200 vs 2"
    ):
        SentencePieceTokenizer.train(SentencePieceOptions.model_construct(vocabulary_size=200), TEXTS)


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(RunError, match=r"sentencepiece\.model: there is no tokenizer"):
        SentencePieceTokenizer.load(tmp_path)
