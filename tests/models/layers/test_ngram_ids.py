import numpy as np
import pytest

from tfmtl.models.layers.ngram_ids import ngram_ids, table_rows

TOKENS = np.int32([[2, 7, 8, 7, 3, 0, 0], [2, 9, 9, 9, 9, 9, 3], [0, 0, 0, 0, 0, 0, 0]])


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


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("buckets", [1, 97, 4096])
def test_longer_ngrams_are_hashed_and_none_crosses_the_end_of_the_text(order, buckets):
    ids, present = (np.array(part) for part in ngram_ids(TOKENS, order, buckets, vocabulary_size=10))
    assert ids.shape == present.shape == (3, order * 7)
    for row, found, there in zip(TOKENS, ids, present, strict=True):
        assert sorted(found[there]) == sorted(_rows([int(piece) for piece in row if piece], order, buckets))


def test_a_text_may_be_shorter_than_an_ngram():
    ids, present = (np.array(part) for part in ngram_ids(np.int32([[2, 3]]), 5, 97, vocabulary_size=10))
    assert ids.shape == present.shape == (1, 5 * 2)
    assert sorted(ids[present]) == sorted(_rows([2, 3], 5, 97))


def test_the_table_has_a_row_for_each_piece_and_each_bucket():
    assert [table_rows(order, 97, vocabulary_size=10) for order in (1, 2, 3)] == [10, 107, 107]
    ids, _ = ngram_ids(TOKENS, 3, 97, vocabulary_size=10)
    assert np.array(ids).max() < 107
