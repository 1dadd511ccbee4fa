import numpy as np

from tests.data.characters import Characters, objects, packed, rows_of
from tfmtl.data.packing import Packing
from tfmtl.data.special_tokens import END_ID, START_ID
from tfmtl.data.tokenized import tokenize_targets, tokenize_texts


def test_texts_keep_their_order_over_many_batches_of_tokenization():
    texts = objects([chr(ord("a") + row % 26) * (row % 7 + 1) for row in range(1500)])
    assert rows_of(tokenize_texts(Characters(), texts, None, Packing(16))) == [packed(text) for text in texts]


def test_pairs_keep_their_order_over_many_batches_of_tokenization():
    texts = [chr(ord("a") + row % 26) * (row % 5 + 1) for row in range(700)]
    pairs = texts[::-1]
    found = tokenize_texts(Characters(), objects(texts), objects(pairs), Packing(16))
    assert rows_of(found) == [packed(text, pair) for text, pair in zip(texts, pairs, strict=True)]


def test_a_long_text_loses_its_end_and_no_text_at_all_has_no_rows():
    assert rows_of(tokenize_texts(Characters(), objects(["abcdef"]), None, Packing(5))) == [packed("abc")]
    assert len(tokenize_texts(Characters(), objects([]), None, Packing(5))) == 0


def test_a_row_without_a_target_is_empty_wherever_it_stands():
    targets = [None if row % 3 == 1 else chr(ord("a") + row % 26) for row in range(1000)]
    expected = [[] if target is None else packed(target) for target in targets]
    assert rows_of(tokenize_targets(Characters(), targets, 4)) == expected


def test_a_target_has_room_for_its_end_mark():
    (row,) = rows_of(tokenize_targets(Characters(), ["abcdef"], 4))
    # Four are written, the end mark included.
    assert row == [START_ID, 4, 5, 6, END_ID]


def test_where_no_row_has_a_target_all_are_empty():
    found = tokenize_targets(Characters(), [None, None], 4)
    assert (rows_of(found), found.values.dtype) == ([[], []], np.int32)
