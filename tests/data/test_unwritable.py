import re

import numpy as np
import pytest
import tensorflow as tf

from tests.kinds.made_up import objects
from tests.presets import save_preset
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tokenizers.preset import PresetTokenizer, PresetTokenizerOptions
from tfmtl.data.tokenizers.sentencepiece import SentencePieceOptions, SentencePieceTokenizer
from tfmtl.data.unwritable import unwritable
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.summarization.options import Summarization

TASKS = (
    Classification(name="topic", source="s", labels=("a", "b")),
    Summarization(name="title", source="s"),
    Summarization(name="other", source="s"),
)


class Changing:
    """A tokenizer of code points that changes texts before."""

    def __init__(self, change):
        self.change = change

    def tokenize(self, texts):
        return tf.strings.unicode_decode(self.change(texts), "UTF-8") + 4

    def detokenize(self, tokens):
        pieces = tf.ragged.boolean_mask(tokens, tokens >= 4) - 4
        return tf.strings.unicode_encode(pieces, "UTF-8")


def stream(titles):
    references = objects([(title, "Another One") if title else () for title in titles])
    rows = len(titles)
    targets = {"topic": np.zeros(rows, np.int32), "title": references, "other": objects([()] * rows)}
    return Stream("s", TASKS, {"train": Examples(objects(["text"] * rows), None, targets)})


def spaces(texts):
    return tf.strings.regex_replace(texts, r"[ \n]+", " ")


@pytest.mark.parametrize(
    ("change", "share", "changes", "shortest"),
    [
        (lambda texts: tf.strings.lower(texts, "utf-8"), 0.5, ("case",), "Aß"),
        (spaces, 0.5, ("line breaks", "white space"), "d  e"),
        (lambda texts: tf.strings.lower(spaces(texts), "utf-8"), 0.75, ("case", "line breaks", "white space"), "Aß"),
        (lambda texts: tf.strings.regex_replace(texts, "½", "1/2"), 0.25, ("characters",), "B\nc ½"),
    ],
)
def test_what_changes_is_named_with_its_share(change, share, changes, shortest):
    (found,) = unwritable([stream(["Aß", "B\nc ½", "d  e", "f", ""])], "train", Changing(change))
    assert (found.task, found.rows, found.share, found.changes) == ("title", 4, share, changes)
    assert found.target == shortest


def test_a_message_says_how_many_and_shows_one():
    (found,) = unwritable([stream(["- A\n- b", None, "c"])], "train", Changing(spaces))
    assert str(found) == (
        "50.0 % of 2 train targets of task 'title' cannot be written as they are, because the tokenizer changes line "
        "breaks: '- A\\n- b' becomes '- A - b'; what is written is compared with targets as they are"
    )
    (long,) = unwritable([stream(["Ab " * 50])], "train", Changing(tf.strings.lower))
    assert re.search(r"case: '(Ab ){20}…' becomes '(ab ){20}…'", str(long))


@pytest.mark.parametrize(("normalization", "changes"), [("none", None), ("nfkc", "characters"), ("lowercase", "case")])
def test_a_tokenizer_of_pieces_changes_what_it_is_told_to(normalization, changes):
    titles = ["- Wait\n- again" if changes != "characters" else "½ day\n™"] * 30
    options = SentencePieceOptions(vocabulary_size=320, normalization=normalization)
    found = unwritable([stream(titles)], "train", SentencePieceTokenizer.train(options, titles))
    assert [each.changes for each in found] == ([(changes,)] if changes else [])


def test_a_pretrained_tokenizer_that_lowercases_is_told(tmp_path):
    save_preset("bert", tmp_path / "preset")
    tokenizer = PresetTokenizer.train(PresetTokenizerOptions(preset=str(tmp_path / "preset")), [])
    (found,) = unwritable([stream(["The cat\nsleeps", "the cat sleeps"])], "train", tokenizer)
    assert (found.share, found.changes, found.written) == (0.5, ("case", "line breaks"), "the cat sleeps")
