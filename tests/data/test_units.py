import random
import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.data.characters import Characters, ids, objects, rows_of
from tests.presets import save_preset
from tfmtl.data.packing import Packing
from tfmtl.data.special_tokens import END_ID, START_ID
from tfmtl.data.tokenized import pack_units, read_texts, tokenize_texts
from tfmtl.data.tokenizers.preset import PresetTokenizer, PresetTokenizerOptions
from tfmtl.data.units import WORDS, WORDS_AND_SIGNS, UnitsOfBatch, pieces_of_units

SPACES = [chr(code) for code in range(0x3001) if chr(code).isspace()]
TEXTS = ["  play the\u00a0song don't ", "", " \u3000", "\u3000a\x1cb\x1ec", "日本 語", "naïve café—ok?", "x" * 300]


def split(units, texts):
    """The units of each text, and what their offsets in bytes cut out of it."""
    found = tf.function(units.split, autograph=False)(tf.constant(texts))
    begins, ends = found.begins.to_list(), found.ends.to_list()
    cut = [
        [text.encode()[begin:end] for begin, end in zip(*offsets, strict=True)]
        for text, *offsets in zip(texts, begins, ends, strict=True)
    ]
    # A separator of records is white space, and the only character that offsets may have as another one.
    assert [[part.replace(b"\x1e", b" ") for part in row] for row in cut] == found.units.to_list()
    return [[unit.decode() for unit in row] for row in found.units.to_list()]


def test_words_are_those_of_python():
    generator = random.Random(0)
    letters = [*SPACES, *"ab.é日\u200d_"]
    texts = [*TEXTS, *("".join(generator.choices(letters, k=generator.randint(0, 12))) for _ in range(300))]
    assert split(WORDS, texts) == [text.split() for text in texts]


def test_signs_and_letters_of_scripts_without_spaces_stand_alone():
    assert split(WORDS_AND_SIGNS, ["don't (U.S.) €5-million x_1", "日本のcafé ที่"]) == [
        ["don", "'", "t", "(", "U", ".", "S", ".", ")", "€", "5", "-", "million", "x", "_", "1"],
        ["日", "本", "の", "café", "ที่"],
    ]


def test_bytes_that_are_no_text_do_no_harm():
    found = WORDS.split(tf.constant([b"\xff\xfe broken \xe3\x81"]))
    assert found.units.to_list() == [[b"\xff\xfe", b"broken", b"\xe3\x81"]]


class Units(Characters):
    """Characters that tell a unit behind white space from one that is not: it begins with `z`."""

    def tokenize_units(self, units, spaced):
        return self.tokenize(tf.strings.join([tf.where(spaced, "z", ""), units]))


def test_tokens_have_the_number_of_the_unit_that_begins_there():
    pieces, numbers = pieces_of_units(Units(), WORDS, tf.constant([" ab c", "", "d"]))
    assert pieces.to_list() == [ids("abzc"), [], ids("d")]
    assert numbers.to_list() == [[1, 0, 2, 0], [], [1]]


class Letters(Characters):
    """Characters, whatever is before them."""

    def tokenize_units(self, units, spaced):
        return self.tokenize(units)


def test_a_unit_without_tokens_has_no_number():
    class Deaf(Units):
        def tokenize_units(self, units, spaced):
            return self.tokenize(tf.strings.regex_replace(units, "b", ""))

    pieces, numbers = pieces_of_units(Deaf(), WORDS, tf.constant(["a b c"]))
    assert (pieces.to_list(), numbers.to_list()) == ([ids("ac")], [[1, 3]])


def test_rows_are_packed_with_their_numbers():
    tokens, numbers, windows = pack_units(Units(), WORDS, Packing(16), tf.constant(["ab c"]))
    assert (tokens.to_list(), windows.to_list()) == ([[START_ID, *ids("abzc"), END_ID]], [[0]])
    assert numbers.to_list() == [[0, 1, 0, 2, 0, 0]]


def test_of_pairs_the_second_text_is_numbered():
    tokens, numbers, _ = pack_units(Units(), WORDS, Packing(16), tf.constant(["x y"]), tf.constant(["a b"]))
    assert tokens.to_list() == [[START_ID, *ids("x"), ord(" ") - ord("a") + 4, *ids("y"), END_ID, *ids("azb"), END_ID]]
    assert numbers.to_list() == [[0, 0, 0, 0, 0, 1, 2, 0, 0]]


@pytest.mark.parametrize(
    ("overflow", "text", "numbers"),
    [
        ("end", "abcd", [0, 1, 2, 3, 4, 0]),
        ("start", "defg", [0, 4, 5, 6, 7, 0]),
        ("head_tail", "aefg", [0, 1, 5, 6, 7, 0]),
    ],
)
def test_a_long_text_is_cut_with_its_numbers(overflow, text, numbers):
    packing = Packing(6, overflow)
    tokens, found, windows = pack_units(Letters(), WORDS, packing, tf.constant(["a b c d e f g"]))
    assert (tokens.to_list(), found.to_list()) == ([[START_ID, *ids(text), END_ID]], [numbers])
    assert windows.to_list() == [[0]]


def test_windows_of_a_text_are_one_row():
    tokens, numbers, windows = pack_units(Letters(), WORDS, Packing(6, "windows", 8), tf.constant(["a b c d e f g"]))
    assert tokens.to_list() == [[START_ID, *ids("abcd"), END_ID, START_ID, *ids("efg"), END_ID]]
    assert (numbers.to_list(), windows.to_list()) == ([[0, 1, 2, 3, 4, 0, 0, 5, 6, 7, 0]], [[0]])


def test_every_window_of_a_pair_has_the_first_text():
    texts = tf.constant(["x", "xyxyxyxy"]), tf.constant(["a b c d e f g h i", "a b c d"])
    tokens, numbers, windows = pack_units(Letters(), WORDS, Packing(9, "windows", 8), *texts)
    # Of 5 tokens in a window the next one repeats one; the last window leaves more room for the first text.
    pairs = [("x", "abcde"), ("x", "efghi"), ("xyx", "abc"), ("xyxyx", "d")]
    assert tokens.to_list() == [[START_ID, *ids(a), END_ID, *ids(b), END_ID] for a, b in pairs]
    assert [[number for number in row if number] for row in numbers.to_list()] == [
        [1, 2, 3, 4, 5],
        [5, 6, 7, 8, 9],
        [1, 2, 3],
        [4],
    ]
    assert windows.to_list() == [[0, 4], [0, 3]]


def test_a_pair_has_at_most_so_many_windows():
    _, numbers, windows = pack_units(
        Letters(), WORDS, Packing(9, "windows", 2), tf.constant(["x"]), tf.constant(["a " * 40])
    )
    assert windows.to_list() == [[0, 4]] and max(map(max, numbers.to_list())) == 9


@pytest.mark.parametrize("length", [5, 6, 9, 33, 200])
def test_windows_cover_the_second_text_whatever_its_length(length):
    packing = Packing(length, "windows", 1000)
    for words in (0, 1, length - 5, length - 4, length - 3, 3 * length, 500):
        tokens, numbers, windows = pack_units(
            Letters(), WORDS, packing, tf.constant(["x"]), tf.constant(["a " * words])
        )
        found = [number for row in numbers.to_list() for number in row if number]
        assert sorted(set(found)) == [*range(1, words + 1)]
        assert max(tokens.row_lengths()) <= length
        assert len(windows.to_list()[0]) == tokens.nrows()
        assert (tokens.nrows() > 1) == (words > length - 4)
        needed = packing.needed_by_pairs(np.array([1]), np.array([words]))
        assert needed == (words + 4 if tokens.nrows() == 1 else length * int(tokens.nrows()))


@pytest.mark.parametrize("rows", [3, 700])
def test_texts_are_read_with_their_units(rows):
    texts = objects([["ab c", "", "d e f"][row % 3] for row in range(rows)])
    read = read_texts(Units(), texts, None, Packing(8), WORDS)
    assert rows_of(read.tokens)[:3] == [[START_ID, *ids(text), END_ID] for text in ("abzc", "", "dzezf")]
    assert rows_of(read.units.numbers)[:3] == [[0, 1, 0, 2, 0, 0], [0, 0], [0, 1, 2, 0, 3, 0, 0]]
    assert len(read) == rows
    taken = read.take(np.array([2, 0]))
    assert taken.units.texts.tolist() == ["d e f", "ab c"]
    assert rows_of(taken.units.numbers)[1] == [0, 1, 0, 2, 0, 0]
    assert taken.units.rows.tolist() == taken.entries.tolist() == [0, 1]
    assert len(read_texts(Units(), texts[:0], None, Packing(8), WORDS).units.numbers) == 0


@pytest.mark.parametrize("rows", [2, 600])
def test_windows_are_taken_with_their_texts(rows):
    texts = objects(["a b c d e f g h i" if row % 2 else "a" for row in range(rows)])
    read = read_texts(Letters(), objects(["x"] * rows), texts, Packing(9, "windows", 8), WORDS)
    assert len(read) == rows and len(read.tokens) == len(read.units.numbers) == 3 * rows // 2
    assert read.entries.tolist()[:3] == [0, 1, -1] and read.units.rows.tolist()[:3] == [0, 1, 1]
    assert read.lengths.tolist()[:2] == [5, 9]
    taken = read.take(np.array([1, 0, 1]))
    parts = ("abcde", "efghi", "a", "abcde", "efghi")
    assert rows_of(taken.tokens) == [[START_ID, *ids("x"), END_ID, *ids(part), END_ID] for part in parts]
    assert taken.units.rows.tolist() == [0, 0, 1, 2, 2] and taken.entries.tolist() == [0, -1, 1, 2, -1]
    assert len(read.take(np.array([], int))) == 0


def test_values_come_to_their_units():
    values = tf.constant([[9, 5, 8, 7], [1, 2, 3, 4], [10, 20, 30, 40]])[..., None]
    read = UnitsOfBatch(
        tf.constant([[0, 1, 0, 3], [1, 2, 0, 0], [0, 2, 3, 0]]), tf.constant([0, 1, 1]), tf.constant(["", ""])
    )
    assert read.summed(values, tf.constant(4)).numpy()[..., 0].tolist() == [[5, 0, 7, 0], [1, 22, 30, 0]]
    assert read.first_windows().numpy().tolist() == [0, 1]


ENGLISH = ["the cat sleeps in the garden", "a dog, eats the fish.", "her kitten's hound (waits)", "the", ""]


@pytest.mark.parametrize("family", ["bert", "roberta", "gpt2", "albert", "t5"])
def test_words_of_a_preset_have_the_tokens_that_they_have_in_their_text(family):
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = PresetTokenizer.train(PresetTokenizerOptions(preset=str(save_preset(family, Path(folder)))), [])
    check_words(tokenizer)


def test_words_have_the_pieces_that_they_have_in_their_text(tokenizer):
    check_words(tokenizer)


def check_words(tokenizer):
    read = read_texts(tokenizer, objects(ENGLISH), None, Packing(64), WORDS)
    assert rows_of(read.tokens) == rows_of(tokenize_texts(tokenizer, objects(ENGLISH), None, Packing(64)))
    for text, numbers in zip(ENGLISH, rows_of(read.units.numbers), strict=True):
        assert [number for number in numbers if number] == [*range(1, len(text.split()) + 1)]


def test_units_of_a_text_keep_what_is_between_them(tokenizer):
    text = "don't 日本(x)"
    found = WORDS_AND_SIGNS.split(tf.constant([text])).units.to_list()[0]
    assert "".join(unit.decode() for unit in found) == re.sub(r"\s", "", text)
