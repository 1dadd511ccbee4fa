import datetime

import pandas
import pyarrow
import pyarrow.parquet
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


def test_a_text_that_is_none_is_told_with_its_row(tmp_path, monkeypatch):
    monkeypatch.setattr("tfmtl.data.sources.parquet.CHUNK", 2)
    path = tmp_path / "rows.parquet"
    offsets = pyarrow.array([0, 1, 2, 3], pyarrow.int32()).buffers()[1]
    text = pyarrow.Array.from_buffers(pyarrow.string(), 3, [None, offsets, pyarrow.py_buffer(b"ab\xff")])
    pyarrow.parquet.write_table(pyarrow.table({"text": text, "label": ["a", "b", "c"]}), path)
    assert read(path, ["label"]).columns == {"label": ["a", "b", "c"]}
    with pytest.raises(DataError) as caught:
        read(path, ["text", "label"])
    assert str(caught.value) == f"{path}: row 3: column 'text': not a value that can be read: invalid UTF-8"


def test_two_columns_of_one_name_are_refused_if_they_are_read(tmp_path):
    path = tmp_path / "rows.parquet"
    columns = [pyarrow.array(["a"]), pyarrow.array(["b"]), pyarrow.array(["c"])]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(columns, names=["text", "text", "label"]), path)
    assert read(path, ["label"]).columns == {"label": ["c"]}
    with pytest.raises(DataError, match=r"rows.parquet: two columns are named 'text'$"):
        read(path, ["label", "text"])
