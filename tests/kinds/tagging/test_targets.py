import numpy as np
import pytest

from tests.kinds.made_up import objects
from tfmtl.core.errors import DataError
from tfmtl.data.columns import RaggedColumn, is_present
from tfmtl.data.rows import Rows
from tfmtl.data.tokenized import ReadTexts, ReadUnits
from tfmtl.data.units import WORDS
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.tagging.options import Tagging
from tfmtl.kinds.tagging.targets import tag_column

TASK = Tagging(name="slots", source="s", label_set=("B-x", "I-x", "O"))


def rows(words, tags):
    return Rows({"words": words, "tags": tags}, lambda row: f"a.jsonl:{row + 1}")


def encoded(words, tags, task=TASK):
    return kind_of(task).encode(task, rows(words, tags)).tolist()


def test_lists_and_texts_say_the_same():
    words = [["to", "New", "York"], "to\u00a0New  York", ["to", "New", "York"]]
    tags = [["O", "B-x", "I-x"], ["O", "B-x", "I-x"], " O B-x\tI-x "]
    assert encoded(words, tags) == [("O", "B-x", "I-x")] * 3


def test_a_row_without_tags_or_words_has_no_target():
    found = kind_of(TASK).encode(TASK, rows([["a"], "a", None, "a"], [None, " ", "O", "O"]))
    assert is_present(found).tolist() == [False, False, False, True]


def test_ids_have_names():
    task = Tagging(name="t", source="s", names={0: "O", 1: "B-x"}, label_set=("B-x", "O"))
    assert encoded([["a", "b"], "a b", "a"], [[0, 1], "0 1.0", 1], task) == [("O", "B-x"), ("O", "B-x"), ("B-x",)]


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        (["a", "b"], ["O"], "a.jsonl:1: task 'slots': 2 words in 'words', but 1 tags in 'tags'"),
        ("a b", "O O O", "a.jsonl:1: task 'slots': 2 words in 'words', but 3 tags in 'tags'"),
        (["a"], ["B-y"], "a.jsonl:1: task 'slots' has no tag 'B-y'; did you mean 'B-x'? (known: B-x, I-x, O)"),
        (["a", "b"], ["O", None], "a.jsonl:1: 'tags' of task 'slots': tag 2 is missing"),
        (["a"], {"b": 1}, "a.jsonl:1: 'tags' of task 'slots' is not a list of tags: {'b': 1}"),
        (["New York", "a"], ["O", "O"], "a.jsonl:1: word 1 of 2 is empty or has white space in it: 'New York'"),
        (["a", ""], ["O", "O"], "a.jsonl:1: word 2 of 2 is empty or has white space in it: ''"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(words, tags, message):
    with pytest.raises(DataError) as error:
        encoded([words], [tags])
    assert str(error.value) == message


def test_tags_are_inferred_from_the_training_rows():
    task = Tagging(name="slots", source="s")
    assert kind_of(task).needs_train(task)
    found = kind_of(task).resolved(task, rows(["a b", "c"], ["O B-x", "I-x"]))
    assert found.label_set == ("B-x", "I-x", "O")
    with pytest.raises(DataError, match="tags differ in two ways or more, found in 'tags': 'O'"):
        kind_of(task).resolved(task, rows(["a b"], ["O O"]))


def test_tags_of_bilou_are_named(caplog):
    task = Tagging(name="slots", source="s")
    kind_of(task).resolved(task, rows(["a b c"], ["B-x L-x U-x"]))
    assert "'L-x', 'U-x' mark single words here" in caplog.text


def test_a_column_has_the_tag_at_the_first_token_of_each_word():
    # Start, two pieces of word 1, one of word 2, end; and in two windows, words 1 and 2, and words 2 and 3.
    numbers = RaggedColumn(np.int32([0, 1, 0, 2, 0, 0, 1, 2, 0, 0, 2, 3, 0, 0, 1, 0]), np.int64([0, 5, 9, 13, 16]))
    read = ReadUnits(numbers, np.int64([0, 1, 3, 4]), objects(["ab c", "d e f", "g"]))
    column = tag_column(TASK, objects([("B-x", "O"), ("I-x", "O", "B-x"), ()]), read)
    assert column.values.tolist() == [0, 1, 0, 3, 0, 0, 2, 3, 0, 0, 3, 1, 0]
    assert column.splits.tolist() == [0, 5, 9, 13, 13]
    assert column.present.tolist() == [True, True, True, False]


def test_no_row_has_no_column():
    assert len(tag_column(TASK, objects([]), ReadTexts.empty(WORDS).units)) == 0
