import numpy as np
import pandas
import pytest

from tfmtl.api.tables import columns_of, is_table
from tfmtl.core.errors import DataError
from tfmtl.core.values import plain
from tfmtl.kinds.labels import as_label

EXPECTED = {"text": ["a", "b"], "stars": [1, None]}


class HuggingFaceDataset:
    """What a `datasets.Dataset` has that is needed of it."""

    column_names = ("text", "stars")
    features = ("string", "int64")

    def __getitem__(self, name):
        return EXPECTED[name]


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["a", "b"], "stars": [1, None]},
        {"text": np.array(["a", "b"]), "stars": pandas.Series([1, np.nan])},
        [{"text": "a", "stars": 1}, {"text": "b"}],
        pandas.DataFrame({"text": ["a", "b"], "stars": pandas.array([1, None], dtype="Int64")}),
        HuggingFaceDataset(),
    ],
    ids=["columns", "arrays", "rows", "frame", "dataset"],
)
def test_every_form_of_a_table_has_the_same_columns(table):
    assert is_table(table)
    assert columns_of(table, "data") == EXPECTED


@pytest.mark.parametrize("value", ["a text", ["a", "b"], {"text": "a"}, {"train": [{"text": "a"}]}, 3])
def test_other_values_are_no_tables(value):
    assert not is_table(value)
    with pytest.raises(DataError, match=r"^data: expected a DataFrame, a dict of columns, a list of dicts or a"):
        columns_of(value, "data")


@pytest.mark.parametrize(
    "table",
    [pandas.DataFrame([["a", 1, "b"]], columns=["x", "y", "x"]), [{"1": "a", 1: "b"}]],
    ids=["frame", "rows"],
)
def test_columns_of_one_name_are_refused(table):
    with pytest.raises(DataError, match=r"^data: 2 columns are named '[x1]'; rename or drop all but one$"):
        columns_of(table, "data")


def test_names_of_columns_become_texts():
    assert columns_of([{1: "a"}, {1: "b"}], "data") == {"1": ["a", "b"]}


def test_columns_of_different_lengths_are_named():
    with pytest.raises(DataError, match="data: the columns differ in length: 'text' 2, 'label' 1"):
        columns_of({"text": ["a", "b"], "label": ["x"]}, "data")


def test_values_become_what_json_holds():
    values = [np.float32(0.5), np.int64(3), np.bool_(True), float("nan"), pandas.NaT, pandas.NA, ("a", np.nan), b"x"]
    assert [plain(value) for value in values] == [0.5, 3, True, None, None, None, ["a", None], "x"]


@pytest.mark.parametrize("labels", [[0, 1, None], [0.0, 1.0, np.nan], pandas.array([0, 1, None], dtype="Int64")])
def test_a_missing_value_does_not_change_the_labels_of_a_column(labels):
    columns = columns_of(pandas.DataFrame({"label": labels}), "data")
    # Written to a file as the same rows, too.
    assert repr(columns["label"]) == "[0, 1, None]"
    assert [as_label(value) for value in columns["label"]] == ["0", "1", None]
