import logging

from pandas._libs.parsers import STR_NA_VALUES

from tfmtl.data.missing import PANDAS_MISSING, without_missing
from tfmtl.data.rows import Rows


def rows(**columns):
    return Rows(columns, lambda row: f"file:{row + 1}")


def test_the_default_of_tables_is_that_of_pandas():
    # An empty field is missing anyway.
    assert {*PANDAS_MISSING} == STR_NA_VALUES - {""}


def test_texts_that_stand_for_a_missing_value_are_gone_and_are_said(caplog):
    splits = {
        "train": rows(label=["a", "nan", " NaN ", "NaN-like", None, 1.5], text=["x", "None", "y", "z", "", "w"]),
        "test": rows(label=["nan", ["nan"]], text=["x", "y"]),
    }
    with caplog.at_level(logging.INFO, "tfmtl"):
        kept = without_missing(splits, ["nan", "NaN", "None"], "s")
    assert kept["train"].columns == {
        "label": ["a", None, None, "NaN-like", None, 1.5],
        "text": ["x", None, "y", "z", "", "w"],
    }
    assert kept["test"].columns == {"label": [None, ["nan"]], "text": ["x", "y"]}
    assert kept["test"].place(1) == "file:2"
    assert caplog.messages == [
        "source 's': taken as missing: 'nan' in 'label' (2), 'NaN' in 'label' (1), 'None' in 'text' (1); "
        "'missing: []' keeps them"
    ]


def test_nothing_is_said_where_nothing_is_missing_and_few_texts_are_named(caplog):
    many = {"train": rows(label=list("abcdefg"))}
    with caplog.at_level(logging.INFO, "tfmtl"):
        assert without_missing(many, [], "s") == many
        assert without_missing(many, ["z"], "s")["train"].columns == many["train"].columns
        assert caplog.messages == []
        without_missing(many, "abcdefg", "s")
    assert caplog.messages == [
        "source 's': taken as missing: 'a' in 'label' (1), 'b' in 'label' (1), 'c' in 'label' (1), 'd' in 'label' (1), "
        "'e' in 'label' (1), ...; 'missing: []' keeps them"
    ]
