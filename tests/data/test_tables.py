import numpy as np
import pytest

from tests.data.characters import Characters, objects, packed, rows_of
from tfmtl.data.packing import Packing
from tfmtl.data.streams import Examples, Stream
from tfmtl.data.tables import Slice, build_tables, target_name
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization


def stream(name, tasks, **splits):
    """A stream; each split is (texts, pairs or None, targets by task)."""
    made = {
        split: Examples(
            objects(texts),
            None if pairs is None else objects(pairs),
            {
                task: objects(values) if isinstance(values, list) else np.array(values)
                for task, values in targets.items()
            },
        )
        for split, (texts, pairs, targets) in splits.items()
    }
    return Stream(name, tuple(tasks), made)


TOPIC = Classification(name="topic", source="s", labels=("x", "y"))
STARS = Regression(name="stars", source="p", text="a", text_pair="b")
TITLE = Summarization(name="title", source="s", max_length=4)
LONG = Summarization(name="long", source="s", max_length=8)
TLDR = Summarization(name="tldr", source="q", max_length=8)

LABELS = np.int32([1, -1, 0, 1])
SUMMARIES = [("ab", "other"), ("c",), (), ("abcdefg",)]
TICKETS = stream(
    "s",
    [TOPIC, TITLE],
    train=(["aaa", "bb", "c", "dddd"], None, {"topic": LABELS, "title": SUMMARIES}),
    validation=(["aaa", "bb"], None, {"topic": LABELS[[0, 2]], "title": [(), ("ab",)]}),
)
PAIRS = stream(
    "p",
    [STARS],
    train=(["ab", "cd"], ["e", "fgh"], {"stars": np.float32([1.5, 2.5])}),
    validation=(["a"], ["b"], {"stars": np.float32([3.0])}),
)


@pytest.fixture(scope="module")
def train():
    return build_tables([TICKETS, PAIRS], "train", Characters(), Packing(16))


def test_rows_are_sorted_into_those_with_a_summary_and_those_without(train):
    without, summaries = train
    assert without.slice == Slice("tokens", ("topic", "stars"), ())
    assert summaries.slice == Slice("tokens_title", ("topic",), ("title",))
    assert rows_of(without.tokens) == [packed("c"), packed("ab", "e"), packed("cd", "fgh")]
    assert rows_of(summaries.tokens) == [packed("aaa"), packed("bb"), packed("dddd")]
    assert {name: rows.tolist() for name, rows in without.streams.items()} == {"s": [0], "p": [1, 2]}
    assert {name: rows.tolist() for name, rows in summaries.streams.items()} == {"s": [0, 1, 2]}


def test_a_row_without_a_task_s_target_has_the_mark_of_absence(train):
    without, summaries = train
    np.testing.assert_array_equal(without.targets["topic"].values, [0, -1, -1])
    np.testing.assert_array_equal(without.targets["stars"].values, np.float32([np.nan, 1.5, 2.5]))
    np.testing.assert_array_equal(summaries.targets["topic"].values, [1, -1, 1])
    assert without.targets["topic"].values.dtype == np.int32
    assert without.targets["stars"].values.dtype == np.float32


def test_training_reads_the_first_reference_cut_to_what_the_decoder_can_write(train):
    _, summaries = train
    assert rows_of(summaries.targets["title"]) == [packed("ab"), packed("c"), packed("abc")]


def test_streams_with_different_summaries_stand_in_different_slices():
    other = stream("q", [TLDR], train=(["ee"], None, {"tldr": [("e",)]}))
    tables = build_tables([TICKETS, other], "train", Characters(), Packing(16))
    assert [table.slice.generated for table in tables] == [(), ("title",), ("tldr",)]
    assert [len(table.tokens.lengths) for table in tables] == [1, 3, 1]


def test_of_two_summaries_of_a_stream_one_may_be_absent():
    both = stream("s", [TITLE, LONG], train=(["aa", "bb"], None, {"title": [("a",), ()], "long": [(), ("b",)]}))
    (table,) = build_tables([both], "train", Characters(), Packing(16))
    assert table.slice.generated == ("title", "long")
    assert rows_of(table.targets["title"]) == [packed("a"), []]
    assert rows_of(table.targets["long"]) == [[], packed("b")]


def test_validation_stands_in_the_slices_of_train(train):
    slices = [table.slice for table in train]
    validation = build_tables([TICKETS, PAIRS], "validation", Characters(), Packing(16), slices)
    assert [table.slice for table in validation] == slices
    assert [rows_of(table.tokens) for table in validation] == [[packed("aaa"), packed("a", "b")], [packed("bb")]]


def test_a_slice_without_rows_in_validation_is_empty(train):
    tickets = stream("s", [TOPIC, TITLE], validation=(["a"], None, {"topic": LABELS[:1], "title": [()]}))
    pairs = stream("p", [STARS], validation=([], None, {"stars": np.float32([])}))
    slices = [table.slice for table in train]
    without, summaries = build_tables([tickets, pairs], "validation", Characters(), Packing(16), slices)
    assert without.targets["topic"].values.tolist() == [1]
    assert len(summaries.tokens.lengths) == len(summaries.targets["topic"]) == 0
    assert summaries.targets["title"].lengths.tolist() == []


@pytest.mark.parametrize("others", [[], [PAIRS]], ids=["alone", "beside a stream without summaries"])
def test_a_validation_row_whose_head_has_no_slice_without_summaries_keeps_its_label(others):
    tickets = stream(
        "s",
        [TOPIC, TITLE],
        train=(["aaa"], None, {"topic": LABELS[:1], "title": [("a",)]}),
        validation=(["bb", "cc"], None, {"topic": LABELS[[0, 2]], "title": [(), ("c",)]}),
    )
    slices = [table.slice for table in build_tables([tickets, *others], "train", Characters(), Packing(16))]
    validation = build_tables([tickets, *others], "validation", Characters(), Packing(16), slices)
    table = next(table for table in validation if table.slice.generated)
    assert table.targets["topic"].values.tolist() == [1, 0]
    assert rows_of(table.targets["title"]) == [[], packed("c")]


def test_which_rows_have_a_target_is_known_of_every_task(train):
    without, summaries = train
    assert {name: present.tolist() for name, present in without.present.items()} == {
        "topic": [True, False, False],
        "stars": [False, True, True],
    }
    assert {name: present.tolist() for name, present in summaries.present.items()} == {
        "topic": [True, False, True],
        "title": [True, True, True],
    }


def test_of_a_text_that_is_changed_when_it_is_read_each_row_is_its_own_target():
    gaps = Denoising(name="gaps", source="s")
    without, changed = build_tables(
        [TICKETS, stream("g", [gaps], train=(["aa", "b"], None, {"gaps": np.int32([0, 0])}))],
        "train",
        Characters(),
        Packing(16),
        [Slice("tokens", ("topic",), ()), Slice("tokens_gaps", (), ("gaps",))],
    )
    assert without.corruption is None
    assert (changed.corruption.task, changed.targets) == ("gaps", {})
    assert changed.present["gaps"].tolist() == [True, True]
    assert rows_of(changed.tokens) == [packed("aa"), packed("b")]


def test_what_a_decoder_reads_is_an_input_of_its_own():
    assert target_name("title") == "target_title"
