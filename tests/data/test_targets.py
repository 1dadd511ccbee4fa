import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tfmtl.data.targets import encode_targets, has_target, is_absent, needs_train, with_labels

from tfmtl.core.errors import DataError
from tfmtl.data.rows import Rows
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization


def classification(labels=None):
    return Classification(name="topic", source="s", label="label", labels=labels)


REGRESSION = Regression(name="stars", source="s", target="score")
SUMMARIZATION = Summarization(name="tldr", source="s", summary="summary")


def encode(task, values):
    return encode_targets(task, values, lambda row: f"a.tsv:{row + 1}")


def labels_found(values):
    rows = Rows({"label": values}, lambda row: f"a.tsv:{row + 1}")
    return with_labels(classification(), rows).labels


def test_labels_become_their_positions():
    targets = encode(classification(("cs", "1", "true")), ["true", " cs ", 1, True, None, "", "  "])
    assert targets.dtype == np.int32
    assert targets.tolist() == [2, 0, 1, 2, -1, -1, -1]


def test_numbers_become_floats():
    targets = encode(REGRESSION, ["2.5", 3, -1e3, None, ""])
    assert targets.dtype == np.float32
    np.testing.assert_array_equal(targets, np.float32([2.5, 3, -1000, np.nan, np.nan]))


def test_summaries_become_tuples_of_references():
    targets = encode(SUMMARIZATION, ["One.", ["One.", "Two."], [], None, "", ["", "Three."]])
    assert targets.tolist() == [("One.",), ("One.", "Two."), (), (), (), ("Three.",)]


@pytest.mark.parametrize(
    ("task", "values", "expected"),
    [
        (
            classification(("cs", "math")),
            ["cs", "mat"],
            "a.tsv:2: task 'topic' has no label 'mat'; did you mean 'math'? ",
        ),
        (classification(("cs", "math")), [["cs"]], "a.tsv:1: 'label' of task 'topic' is not a label: ['cs']"),
        (REGRESSION, [1, "high"], "a.tsv:2: 'score' of task 'stars' is not a finite number: 'high'"),
        (REGRESSION, ["inf"], "a.tsv:1: 'score' of task 'stars' is not a finite number: 'inf'"),
        (REGRESSION, [float("nan")], "a.tsv:1: 'score' of task 'stars' is not a finite number: nan"),
        (REGRESSION, [1e39], "a.tsv:1: 'score' of task 'stars' is not a finite number: 1e+39"),
        (REGRESSION, [True], "a.tsv:1: 'score' of task 'stars' is not a finite number: True"),
        (REGRESSION, [[1]], "a.tsv:1: 'score' of task 'stars' is not a finite number: [1]"),
        (SUMMARIZATION, ["a", 3], "a.tsv:2: 'summary' of task 'tldr' is not a text: 3"),
        (SUMMARIZATION, [{"a": 1}], "a.tsv:1: 'summary' of task 'tldr' is not a text: {'a': 1}"),
    ],
)
def test_a_value_that_cannot_be_learned_from_is_one_line_with_its_place(task, values, expected):
    with pytest.raises(DataError) as caught:
        encode(task, values)
    assert str(caught.value).startswith(expected)


@pytest.mark.parametrize(
    ("task", "values"),
    [(classification(("a", "b")), ["b", None, "a"]), (REGRESSION, [0, None, 2]), (SUMMARIZATION, ["b", None, "a"])],
)
def test_has_target_is_the_same_question_of_every_kind(task, values):
    assert has_target(encode(task, values)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", "a", None, "b", ""], ("a", "b")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["10", "9", "x"], ("10", "9", "x")),
        ([2, 10, 1.5], ("1.5", "2", "10")),
        ([True, False], ("false", "true")),
        (["nan", "10", "9"], ("10", "9", "nan")),
    ],
)
def test_labels_are_found_and_sorted(values, expected):
    assert labels_found(values) == expected


@given(st.lists(st.integers(-99, 99), min_size=2, unique=True))
def test_numeric_labels_are_in_the_order_of_their_values(values):
    assert labels_found([str(value) for value in values]) == tuple(str(value) for value in sorted(values))


@pytest.mark.parametrize(("values", "found"), [(["a", "a"], "'a'"), ([None, ""], "none")])
def test_fewer_than_two_labels_are_no_question(values, found):
    expected = f"^task 'topic': a classification needs two labels or more, found in 'label': {found}$"
    with pytest.raises(DataError, match=expected):
        labels_found(values)


def test_given_labels_stay():
    task = classification(("b", "a"))
    assert not needs_train(task)
    assert with_labels(task, None) == task
    with pytest.raises(DataError, match="needs two labels or more"):
        with_labels(classification(("a",)), None)


def test_only_a_classification_without_labels_needs_train():
    assert [needs_train(task) for task in (classification(), REGRESSION, SUMMARIZATION)] == [True, False, False]
    assert with_labels(REGRESSION, None) is REGRESSION


@pytest.mark.parametrize(("value", "expected"), [(None, True), ("", True), (" \t", True), ("a", False), (0, False)])
def test_absent(value, expected):
    assert is_absent(value) is expected
