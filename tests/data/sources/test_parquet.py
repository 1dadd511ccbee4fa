import datetime

import pandas
import pytest

from tfmtl.core.errors import DataError
from tfmtl.core.validation import validate
from tfmtl.data.sources.files import FileOptions
from tfmtl.data.sources.parquet import ParquetSource


def read(path, fields):
    return ParquetSource(validate(FileOptions, {"train": str(path)}, "s")).read("train", fields)


def test_columns_are_those_of_the_data_frame(tmp_path):
    path = tmp_path / "rows.parquet"
    pandas.DataFrame(
        {
            "text": ["one", None, "three"],
            "label": [1.0, float("nan"), 2.5],
            "flag": [True, False, True],
            "labels": [["a", "b"], [], None],
            "day": [datetime.date(2024, 1, 2)] * 3,
        }
    ).to_parquet(path)
    rows = read(path, ["flag", "text", "label", "labels", "day"])
    assert rows.columns == {
        "flag": [True, False, True],
        "text": ["one", None, "three"],
        "label": [1, None, 2.5],
        "labels": [["a", "b"], [], None],
        "day": ["2024-01-02"] * 3,
    }
    assert rows.place(1) == f"{path}: row 2"
    with pytest.raises(DataError, match=r"there is no column 'txt'; did you mean 'text'\?"):
        read(path, ["txt"])


def test_a_file_that_is_no_parquet_is_one_line(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_text("text,label\n")
    with pytest.raises(DataError) as caught:
        read(path, ["text"])
    assert str(caught.value).startswith(f"{path}: not a Parquet file that can be read: ")
    assert "\n" not in str(caught.value)
