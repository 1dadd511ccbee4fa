import functools
import io
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import sentencepiece
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


LETTERS = "the cat naïve Été Ёжик в лесу 退款问题，。 アイスを食べる 한국어 단어 नमस्ते สวัสดี مرحبا بك שלום"
OTHERS = "½™№ﬁ①e\u0301\u200d👩🏽🚀🐈\u2581\u2585_\u00a0\u3000\u2028\u0085 \n \t \r \n \x00\x07\x0b"
MIXED = st.text(st.sampled_from(LETTERS + OTHERS), max_size=20)
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd1"))


@settings(max_examples=150, deadline=None)
@given(st.lists(MIXED | ANY, min_size=1, max_size=5))
def test_every_text_comes_back_as_it_was(tokenizer, texts):
    assert round_trip(tokenizer, texts) == texts


@pytest.mark.parametrize(
    "text",
    [
        "- refund\n- wait ½ day™",
        "Anna: hi\r\n\r\n\tBob:  ok\n",
        "    def f(x):\n        return x\n\n",
        " \n \n",
        "\n",
        "  ",
        " the cat ",
        "▁▁ x",
    ],
)
def test_lines_tabs_and_spaces_are_kept(tokenizer, text):
    assert round_trip(tokenizer, [text, "the cat", text]) == [text, "the cat", text]


def test_a_line_break_is_one_piece_and_the_word_behind_it_the_same_as_everywhere(tokenizer):
    first, second = tokenize(tokenizer, ["the cat", "the cat\nthe cat"]).to_list()
    assert len(second) == 2 * len(first) + 1
    assert second[: len(first)] == second[len(first) + 1 :] == first
    blank = tokenize(tokenizer, ["the cat\n\nthe cat", "the cat\r\nthe cat", "the cat\tthe cat"])
    assert blank.row_lengths().numpy().tolist() == [len(second)] * 3


def test_what_a_decoder_writes_without_the_space_behind_a_break_is_a_line(tokenizer):
    the, line = tokenize(tokenizer, ["the", "\n"]).to_list()
    assert detokenize(tokenizer, [[*the, *line[-1:], *line[-1:], *the]]) == ["the\n\nthe"]


@pytest.mark.parametrize(("normalization", "form"), [("nfkc", "½™ Ａb\n\tﬁ  É"), ("lowercase", "½™ Ａb\n\tﬁ  É")])
def test_characters_are_normalized_where_asked_and_white_space_is_kept(normalization, form):
    options = SentencePieceOptions(vocabulary_size=400, normalization=normalization)
    tokenizer = SentencePieceTokenizer.train(options, [*TEXTS, form])
    expected = unicodedata.normalize("NFKC", form)
    expected = expected.casefold() if normalization == "lowercase" else expected
    assert round_trip(tokenizer, [form]) == [expected]


@pytest.mark.parametrize(("lowercase", "normalization"), [(True, "lowercase"), (False, "nfkc")])
def test_options_of_earlier_versions_mean_what_they_did(lowercase, normalization):
    options = SentencePieceOptions.model_validate({"vocabulary_size": 400, "lowercase": lowercase})
    assert options == SentencePieceOptions(vocabulary_size=400, normalization=normalization)


def test_a_model_of_an_earlier_version_reads_as_it_did(tmp_path):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS),
        model_writer=model,
        vocab_size=400,
        hard_vocab_limit=False,
        byte_fallback=True,
        normalization_rule_name="nmt_nfkc",
        pad_id=PAD_ID,
        unk_id=1,
        bos_id=START_ID,
        eos_id=END_ID,
        minloglevel=2,
    )
    (tmp_path / "sentencepiece.model").write_bytes(model.getvalue())
    tokenizer = SentencePieceTokenizer.load(tmp_path)
    assert not tokenizer.keeps_lines
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    assert tokenize(tokenizer, ["the cat\n  sleeps ½"]).to_list() == [pieces.encode("the cat\n  sleeps ½")]
    assert round_trip(tokenizer, ["the cat\n  sleeps ½"]) == ["the cat sleeps 1⁄2"]


def test_loading_a_model_prints_nothing(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer")
    code = (
        "import sys; from pathlib import Path; from tfmtl.core.quiet_tensorflow import import_tensorflow\n"
        "import_tensorflow()\n"
        "from tfmtl.data.tokenizers.sentencepiece import SentencePieceTokenizer\n"
        "SentencePieceTokenizer.load(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "tokenizer")], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
