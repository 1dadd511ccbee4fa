import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import DataError
from tfmtl.data.rows import Rows
from tfmtl.data.sources import delimited
from tfmtl.data.sources.source import SourceOptions
from tfmtl.data.splits import CUT_MAXIMUM, limited, read_splits


class Numbers:
    """A source whose rows are numbers, so many in each split."""

    def __init__(self, cut=True, **sizes):
        self.options = SourceOptions(cut=cut)
        self.sizes = sizes

    @property
    def splits(self):
        return tuple(self.sizes)

    def read(self, split, fields):
        return Rows({field: list(range(self.sizes[split])) for field in fields}, lambda row: f"{split}:{row}")


def read(source, splits=("train", "validation", "test"), seed=0):
    return {name: rows.columns["x"] for name, rows in read_splits(source, "s", splits, ["x"], seed).items()}


def test_splits_that_are_there_are_read_as_they_are():
    sizes = {"train": 30, "validation": 4, "test": 5}
    assert {name: len(values) for name, values in read(Numbers(**sizes)).items()} == sizes


def test_a_tenth_is_cut_for_each_missing_split():
    cut = read(Numbers(train=100))
    assert {name: len(values) for name, values in cut.items()} == {"train": 80, "validation": 10, "test": 10}


def test_nothing_is_cut_where_that_is_turned_off():
    assert read(Numbers(cut=False, train=100), ("train",)) == {"train": list(range(100))}
    with pytest.raises(DataError, match=r"^source 's': there is no split 'validation'; known: train$"):
        read(Numbers(cut=False, train=100), ("validation",))


def test_no_more_than_the_maximum_is_cut():
    cut = read(Numbers(train=30_000, test=5))
    assert (len(cut["validation"]), len(cut["train"])) == (CUT_MAXIMUM, 30_000 - CUT_MAXIMUM)


@settings(max_examples=30, deadline=None)
@given(size=st.integers(3, 200), seed=st.integers(0, 2**32 - 1), has_test=st.booleans())
def test_what_is_cut_is_not_in_train_and_nothing_is_lost(size, seed, has_test):
    cut = read(Numbers(train=size, **({"test": 1} if has_test else {})), seed=seed)
    parts = [cut["train"], cut["validation"]] + ([] if has_test else [cut["test"]])
    assert sorted(row for part in parts for row in part) == list(range(size))
    assert all(part == sorted(part) and part for part in parts)


def test_a_split_is_the_same_whichever_splits_are_asked_for():
    source = Numbers(train=100)
    whole = read(source, seed=5)
    for split in ("train", "validation", "test"):
        assert read(source, (split,), seed=5) == {split: whole[split]}


def test_the_seed_chooses():
    source = Numbers(train=100)
    assert read(source, seed=1) == read(source, seed=1)
    assert read(source, seed=1) != read(source, seed=2)


def test_what_is_cut_is_said_and_keeps_its_place(caplog):
    with caplog.at_level(logging.INFO, "tfmtl"):
        rows = read_splits(Numbers(train=20, test=3), "s", ["validation"], ["x"], 0)["validation"]
    expected = "source 's' has no validation: 2 of its 20 training rows are cut off for it, chosen by seed 0"
    assert caplog.messages == [expected]
    assert rows.place(0) == f"train:{rows.columns['x'][0]}"


def test_nothing_is_cut_or_said_where_only_other_splits_are_asked_for(caplog):
    with caplog.at_level(logging.INFO, "tfmtl"):
        assert len(read(Numbers(train=20, test=3), ["test"])["test"]) == 3
    assert not caplog.messages


def test_a_further_split_is_read_by_name():
    assert len(read(Numbers(train=20, mismatched=3), ["mismatched"])["mismatched"]) == 3


def test_a_split_that_is_not_there_is_answered_with_those_there_are():
    with pytest.raises(DataError) as caught:
        read(Numbers(train=20, mismatched=3), ["mismatch"])
    expected = "source 's': there is no split 'mismatch'; did you mean 'mismatched'? (known: mismatched, train)"
    assert str(caught.value) == expected


def test_too_few_rows_to_cut_from():
    with pytest.raises(DataError, match=r"^source 's': too few training rows to cut validation and test from them: 2$"):
        read(Numbers(train=2))


def test_a_source_without_train():
    with pytest.raises(DataError, match=r"^source 's': there is no split 'train'; known: test$"):
        read(Numbers(test=2))


@given(size=st.integers(1, 60), larger=st.integers(0, 20))
def test_a_limit_leaves_rows_in_their_order_and_a_larger_one_adds_to_them(size, larger):
    rows = Numbers(train=40).read("train", ["x"])
    few, more = (limited(rows, limit) for limit in (size, size + larger))
    assert len(few) == min(size, 40) and few.columns["x"] == sorted(few.columns["x"])
    assert set(few.columns["x"]) <= set(more.columns["x"]) <= set(range(40))
    assert few.place(0) == f"train:{few.columns['x'][0]}"
    assert limited(rows, None) is rows


def test_limited_rows_are_shuffled_ones():
    (first,) = limited(Numbers(train=1000).read("train", ["x"]), 1).columns["x"]
    half = limited(Numbers(train=1000).read("train", ["x"]), 500).columns["x"]
    # The first half of the rows would have a mean of 249.5; of a random half, 499.5 with a deviation of 9.
    assert first > 0 and abs(sum(half) / 500 - 499.5) < 5 * 9.1


@pytest.mark.parametrize("splits", [("test",), ("validation", "test"), ("validation",)])
def test_splits_that_are_cut_are_the_same_without_the_training_rows(tmp_path, monkeypatch, splits):
    monkeypatch.setattr(delimited, "CHUNK", 7)
    path = tmp_path / "rows.tsv"
    path.write_text("x\n" + "".join(f"row {row}\n" for row in range(95)), encoding="utf-8")
    source = delimited.TsvSource(delimited.DelimitedOptions(train=str(path)))
    whole = read_splits(source, "s", ("train", "validation", "test"), ["x"], 3)
    for split, rows in read_splits(source, "s", splits, ["x"], 3).items():
        assert rows.columns == whole[split].columns
        assert [rows.place(row) for row in range(len(rows))] == [
            whole[split].place(row) for row in range(len(whole[split]))
        ]
