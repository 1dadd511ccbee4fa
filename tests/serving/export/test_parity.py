import pytest
import tensorflow as tf

from tfmtl.core.errors import RunError
from tfmtl.data.tokenizers.sentencepiece import SentencePieceTokenizer
from tfmtl.serving.export.parity import check_parity, probe_texts

TEXTS = [b"", b"a", b"abc"]


def answering(score: float, change: float = 0.0, summary: str = ""):
    """A graph that answers with a score of `score`, plus `change` for texts of one byte, and with a summary."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")], autograph=False)
    def answer(text):
        lengths = tf.strings.length(text)
        scores = score + tf.where(lengths == 1, change, 0.0)
        return {"x_score": scores, "x_summary": tf.where(lengths == 1, text + summary, text)}

    return answer


@pytest.fixture
def export(tmp_path):
    def make(function):
        module = tf.Module()
        module.function = function
        tf.saved_model.save(module, tmp_path, signatures={"x": function.get_concrete_function()})
        return tmp_path

    return make


@pytest.mark.parametrize(("score", "change"), [(0.5, 5e-6), (1000.0, 5e-3)])
def test_a_difference_within_the_tolerance_is_none(export, score, change):
    check_parity(export(answering(score, change)), answering(score), TEXTS)


@pytest.mark.parametrize(
    ("score", "change", "summary", "output"),
    [
        (0.5, 2e-5, "", "x_score"),
        (1000.0, 2e-2, "", "x_score"),
        (0.5, float("nan"), "", "x_score"),
        (0.5, 0.0, "!", "x_sum"),
    ],
)
def test_a_difference_is_told_with_its_text(export, score, change, summary, output):
    with pytest.raises(RuntimeError, match=rf"does not answer as the model does: x/{output}\w* of b'a' is"):
        check_parity(export(answering(score, change, summary)), answering(score), TEXTS)


def test_probe_texts_are_of_all_lengths_and_the_same_each_time(data):
    tokenizer = SentencePieceTokenizer(data.tokenizer.proto)
    texts = probe_texts(tokenizer)
    assert texts == probe_texts(tokenizer)
    assert b"" in texts
    lengths = tf.function(lambda text: tokenizer.tokenize(text).row_lengths(), autograph=False)(tf.constant(texts))
    assert lengths.numpy().min() == 0 and lengths.numpy().max() > 1000


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_model_that_has_diverged_is_told(export, score):
    with pytest.raises(
        RunError, match=r"^the model answers 'x/x_score' with numbers that are not finite; train it again$"
    ):
        check_parity(export(answering(score)), answering(score), TEXTS)
