import logging
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.core.validation import validate
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.labels import (
    as_label,
    as_number,
    check_class_weights,
    configured_labels,
    configured_weights,
    configured_words,
    distinct_labels,
    label_order,
    named_weights,
    positions_of,
    read_labels,
    warn_of_lookalikes,
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"b", "a"}, ("a", "b")),
        ({"10", "9", "-1"}, ("-1", "9", "10")),
        ({"10", "9", "x"}, ("10", "9", "x")),
        ({"2", "10", "1.5"}, ("1.5", "2", "10")),
        ({"true", "false"}, ("false", "true")),
        ({"nan", "10", "9"}, ("10", "9", "nan")),
        ({"1", "1.0", "01"}, ("01", "1")),
        (set(), ()),
    ],
)
def test_labels_are_in_order(values, expected):
    assert label_order(values) == expected


@given(st.lists(st.integers(-99, 99), min_size=2, unique=True))
def test_numeric_labels_are_in_the_order_of_their_values(values):
    assert label_order(str(value) for value in values) == tuple(str(value) for value in sorted(values))


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("true", "true"),
        (" cs ", "cs"),
        (1, "1"),
        (1.0, "1"),
        (1.5, "1.5"),
        ("1.0", "1.0"),
        (True, "true"),
        (None, None),
        ("", None),
        ("  ", None),
    ],
)
def test_a_label_is_what_stands_in_the_data(value, label):
    assert as_label(value) == label


def test_what_is_no_label_is_told_with_its_place():
    task = Classification(name="topic", source="s", label="field")
    with pytest.raises(TypeError, match=r"^not a label: \['cs'\]$"):
        as_label(["cs"])
    with pytest.raises(DataError) as caught:
        list(read_labels(task, ["a", {"b": 1}], lambda row: f"a.tsv:{row + 1}"))
    assert str(caught.value) == "a.tsv:2: 'field' of task 'topic' is not a label: {'b': 1}"


@pytest.mark.parametrize(
    ("value", "number"), [("2.5", 2.5), (3, 3.0), ("-1e3", -1000.0), ("inf", math.inf), (0, 0.0), (" 1 ", 1.0)]
)
def test_numbers_are_read(value, number):
    assert as_number(value) == number


@pytest.mark.parametrize("value", [True, "high", None, [1], 10**400, "nan"])
def test_what_is_no_number_is_not_a_number(value):
    assert math.isnan(as_number(value))


def test_a_configured_label_is_a_text():
    assert configured_labels([0, 1.0, True, " x "]) == ("0", "1", "true", "x")
    assert configured_labels("cs") == "cs" and configured_labels(None) is None


def test_labels_of_configured_weights_are_texts_too():
    assert configured_weights({0: 1, 2.0: 2, True: 3, " x ": 0.5}) == {"0": 1, "2": 2, "true": 3, "x": 0.5}
    assert configured_weights("balanced") == "balanced" and configured_weights(None) is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1], r"expected 'balanced', or a weight by label such as {label: 2.0}, found \[1, -1\]"),
        ("balancd", "expected 'balanced', or a weight by label such as {label: 2.0}, found 'balancd'"),
        ({1: 2.0, "1": 3.0}, "two weights are given for one label, of 1, '1'"),
        ({"a": -1}, "the weight of 'a' is not a number of at least 0: -1"),
        ({"a": True}, "the weight of 'a' is not a number of at least 0: True"),
        ({"a": math.inf}, "the weight of 'a' is not a number of at least 0: inf"),
        ({"a": None}, "the weight of 'a' is not a number of at least 0: None"),
    ],
)
def test_what_is_no_weight_of_a_label_is_named(weights, message):
    with pytest.raises(ConfigurationError, match=f"^tasks.topic.class_weights: {message}$"):
        validate(Classification, {"name": "topic", "source": "s", "class_weights": weights}, "tasks.topic")


def test_labels_of_configured_words_are_texts_too():
    assert configured_words({0: "no", True: "yes"}) == {"0": "no", "true": "yes"}
    assert configured_words(True) is True and configured_words(False) is False


@pytest.mark.parametrize("words", ["yes", ["a"], {"a": 1}, {"a": " "}, {}])
def test_what_are_no_words_of_labels_is_named(words):
    message = "^tasks.topic.label_words: expected true, or the words of labels such as {label: words}"
    with pytest.raises(ConfigurationError, match=message):
        validate(Classification, {"name": "topic", "source": "s", "label_words": words}, "tasks.topic")


def test_a_label_set_has_no_label_twice_and_no_empty_one():
    assert distinct_labels(("a", "b")) == ("a", "b") and distinct_labels(None) is None
    with pytest.raises(ValueError, match=r"^the label 'a' appears twice$"):
        distinct_labels(("a", "b", "a"))
    with pytest.raises(ValueError, match=r"^a label is empty$"):
        distinct_labels(("a", ""))


def test_a_weight_of_no_label_is_told():
    task = Classification(name="subject", source="s", labels=("music", "travel"), class_weights={"musik": 2.0})
    expected = r"^tasks.subject.class_weights: unknown label 'musik'; did you mean 'music'\?"
    with pytest.raises(ConfigurationError, match=expected):
        check_class_weights(task, task.labels)


@pytest.mark.parametrize(
    ("weights", "rest"),
    [
        (None, ""),
        ("balanced", ""),
        ({"music": 2.0, "travel": 1.0}, ""),
        ({"music": 2.0}, "travel"),
        ({}, "music, travel"),
    ],
)
def test_weights_of_labels_pass_and_labels_without_one_are_named(caplog, weights, rest):
    caplog.set_level(logging.INFO, "tfmtl")
    labels = ("music", "travel")
    check_class_weights(Classification(name="a", source="s", labels=labels, class_weights=weights), labels)
    message = f"tasks.a.class_weights: labels without a configured weight have weight 1: {rest}"
    assert caplog.messages == ([message] if rest else [])


def test_a_label_without_a_weight_weighs_one():
    np.testing.assert_array_equal(named_weights(("a", "b", "c"), {"a": 2.0, "c": 0.5}), [2.0, 1.0, 0.5])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1.0", "2.0", "1"], ("1", "2")),
        (["True", "false", "FALSE"], ("false", "true")),
        # As soon as one of them is something else, all are left as they are.
        (["1.0", "2.0", "2.1"], ("1.0", "2.0", "2.1")),
        (["1.0", "1", "a"], ("1", "1.0", "a")),
        (["True", "no"], ("True", "no")),
    ],
)
def test_whole_numbers_and_booleans_from_data_are_written_in_one_way(labels, expected):
    assert label_order(labels) == expected


def test_a_number_may_be_written_in_another_way_where_only_one_label_can_be_meant():
    position_of = positions_of(("1", "2.0", "true", "3", "3.0", "v"))
    assert [position_of(label) for label in ("1.0", "2", "True", "3", "3.0", "v", "V", "4")] == [
        *(0, 1, 2, 3, 4, 5),
        *(None, None),
    ]
    assert position_of("3.00") is None


def test_labels_that_look_alike_are_named(caplog):
    task = Classification(name="topic", source="s")
    with caplog.at_level(logging.WARNING, "tfmtl"):
        warn_of_lookalikes(task, ["a", "b", "1"])
        assert caplog.messages == []
        warn_of_lookalikes(task, ["Refund", "refund", "a b", "a  b", "1", "1.0", "other"])
    assert caplog.messages == [
        "task 'topic': different labels look alike: 'Refund' and 'refund', 'a b' and 'a  b', '1' and '1.0'"
    ]


def test_ids_in_the_data_have_names():
    task = Classification(name="topic", source="s", names={"0": "World", "1": "Sports", "x": 7})
    values = [0, "1", 1.0, "1.0", " x ", None, "other"]
    assert list(read_labels(task, values, str)) == ["World", "Sports", "Sports", "Sports", "7", None, "other"]


@pytest.mark.parametrize("names", [["World", "Sports"], {0: "World", 1: "World"}, "World"])
def test_what_are_no_names_is_told(names):
    with pytest.raises(ConfigurationError, match=r"^tasks\.topic\.names: (expected the name of each id|two ids have)"):
        validate(Classification, {"name": "topic", "source": "s", "names": names}, "tasks.topic")
