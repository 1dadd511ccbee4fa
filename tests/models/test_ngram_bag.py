import keras
import numpy as np
import pytest

from tfmtl.models.ngram_bag import NgramBag
from tfmtl.sections import NgramOptions

TOKENS = np.int32([[2, 7, 8, 7, 3, 0, 0], [2, 9, 9, 9, 9, 9, 3]])


def bag_of(tokens=TOKENS, **options):
    bag = NgramBag(NgramOptions(size=4, **options), vocabulary_size=10)
    bag.build(tokens.shape)
    return bag


def table(bag) -> np.ndarray:
    return np.array(bag.vectors.embeddings)


def test_a_bag_of_pieces_is_their_sum_over_the_square_root_of_their_number():
    bag = bag_of(order=1)
    assert table(bag).shape == (10, 4)
    rows = [row[row != 0] for row in TOKENS]
    expected = [8 * table(bag)[row].sum(axis=0) / np.sqrt(len(row)) for row in rows]
    np.testing.assert_allclose(bag(TOKENS), expected, atol=1e-5)


def _rows(row: list[int], order: int, buckets: int) -> list[int]:
    """The rows of a text's n-grams, hashed with Python's integers of any size."""
    found = []
    for length in range(1, order + 1):
        for start in range(len(row) - length + 1):
            first, *others = row[start : start + length]
            hashed = first
            for piece in others:
                hashed = hashed * 2654435761 + piece
            signed = (hashed + 2**31) % 2**32 - 2**31
            found.append(10 + signed % buckets if others else first)
    return found


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("buckets", [1, 97, 4096])
def test_longer_ngrams_are_hashed_and_none_crosses_the_end_of_the_text(order, buckets):
    bag = bag_of(order=order, buckets=buckets)
    assert table(bag).shape == (10 + buckets, 4)
    rows = [_rows([int(piece) for piece in row if piece], order, buckets) for row in TOKENS]
    expected = [8 * table(bag)[row].sum(axis=0) / np.sqrt(len(row)) for row in rows]
    np.testing.assert_allclose(bag(TOKENS), expected, atol=1e-5)


def test_padding_changes_nothing_and_a_row_of_it_gives_zeros():
    bag = bag_of()
    np.testing.assert_allclose(bag(np.pad(TOKENS, [[0, 0], [0, 5]])), bag(TOKENS), atol=1e-6)
    np.testing.assert_array_equal(bag(np.zeros([2, 3], np.int32)), np.zeros([2, 4]))
    np.testing.assert_array_equal(bag(np.zeros([1, 1], np.int32)), np.zeros([1, 4]))


def test_ngrams_are_dropped_whole_and_the_rest_scaled():
    bag = bag_of(np.int32([[5] * 400]), order=1, dropout=0.75)
    bag.vectors.embeddings.assign(np.ones([10, 4]))
    kept = np.array(bag(np.int32([[5] * 400]), training=True)) / 8 * np.sqrt(400) / 4
    assert np.all(kept == kept[0, 0]) and kept[0, 0] == pytest.approx(round(kept[0, 0]), abs=1e-3)
    assert 60 < kept[0, 0] < 140


def test_its_output_is_of_32_bits_under_mixed_precision():
    bag = NgramBag(NgramOptions(size=4), vocabulary_size=10, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(bag(TOKENS).dtype) == "float32"


def test_it_is_made_again_from_its_configuration():
    bag = bag_of(order=3, buckets=50, dropout=0.1)
    assert NgramBag.from_config(bag.get_config()).get_config() == bag.get_config()
