import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.data.streams import Examples, Stream
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.denoising.options import Denoising
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.runs.fingerprints import fingerprints, first_change, what_is_read

TASKS = (
    Classification(name="topic", source="s", labels=("a", "b")),
    Summarization(name="title", source="s"),
    Regression(name="stars", source="s"),
)


def column(*values):
    found = np.empty(len(values), object)
    found[:] = values
    return found


def stream(texts=("one", "two"), pairs=None, labels=(0, -1), titles=(("a", "b"), ()), stars=(1.5, np.nan), **changes):
    targets = {"topic": np.int32(labels), "title": column(*titles), "stars": np.float32(stars)}
    examples = Examples(column(*texts), None if pairs is None else column(*pairs), targets)
    return replace(Stream("s", TASKS, {"train": examples}), **changes)


def changed(before, now):
    # As it is written and read.
    return first_change(json.loads(json.dumps(fingerprints([before]))), fingerprints([now]), ["train"])


def test_the_same_rows_are_known_again():
    assert changed(stream(), stream()) == ""
    assert changed(stream(pairs=("x", "y")), stream(pairs=("x", "y"))) == ""


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (stream(texts=("one", "twO")), "texts"),
        (stream(texts=("two", "one")), "texts"),
        (stream(texts=("onet", "wo")), "texts"),
        (stream(pairs=("x", "y")), "texts"),
        (stream(labels=(0, 1)), "targets of task 'topic'"),
        (stream(titles=(("a",), ())), "targets of task 'title'"),
        (stream(titles=(("a", "b"), ("",))), "targets of task 'title'"),
        (stream(stars=(1.5, 0.0)), "targets of task 'stars'"),
        (stream(texts=("one", "\ud800")), "texts"),
    ],
)
def test_another_value_is_a_change(other, what):
    assert changed(stream(), other) == f"train of s/text: 2 rows as before, with other {what}"


def test_the_numbers_of_rows_are_told():
    more = stream(texts=("one", "two", "three"), labels=(0, -1, 1), titles=((), (), ()), stars=(1, 2, 3))
    assert changed(stream(), more) == "train of s/text: 2 rows then, 3 now"


def test_what_one_side_alone_knows_is_not_compared():
    assert first_change({}, fingerprints([stream()]), ["train"]) == ""
    assert first_change(fingerprints([stream()]), fingerprints([stream()]), ["test"]) == ""
    fewer = stream()
    del fewer.splits["train"].targets["title"]
    assert changed(stream(), fewer) == changed(fewer, stream()) == ""


def test_a_stream_is_known_by_what_it_reads_whatever_its_name():
    assert what_is_read(stream(name="s/text")) == what_is_read(stream()) == "s/text"
    pair = Classification(name="same", source="s", text="a", text_pair="b")
    assert what_is_read(stream(tasks=(pair,))) == "s/a/b"
    several = Classification(name="topic", source="s", text=["a", "b"], text_pair=["c", "d"])
    assert what_is_read(stream(tasks=(several,))) == "s/a,b/c,d"
    gaps = Denoising(name="gaps", source="s", decoder="title")
    assert what_is_read(stream(tasks=(gaps,))) == "s/text/gaps"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_rows_are_told_apart_exactly(first, second):
    def of(texts):
        count = len(texts)
        return stream(texts=texts, labels=[0] * count, titles=[()] * count, stars=[0.0] * count)

    assert (changed(of(first), of(second)) == "") == (first == second)
