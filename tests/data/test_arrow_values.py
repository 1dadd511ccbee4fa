import datetime

import pyarrow
import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.arrow_values import ArrowRow, check_offsets, values_of


def texts(content, *ends):
    """Returns a column of texts with the given bytes, whether these are UTF-8 or not."""
    offsets = pyarrow.array([0, *ends], pyarrow.int32()).buffers()[1]
    return pyarrow.Array.from_buffers(pyarrow.string(), len(ends), [None, offsets, pyarrow.py_buffer(content)])


def stored(values, type_):
    return pyarrow.array(values, pyarrow.int64()).cast(type_, safe=False)


UNREADABLE = {
    "text": texts(b"ab\xff\xfe", 1, 2, 4),
    "list of texts": pyarrow.ListArray.from_arrays([0, 1, 2, 3], texts(b"ab\xff\xfe", 1, 2, 4)),
    "time": stored([0, 1, 2**61], pyarrow.timestamp("us")),
    "date": pyarrow.array([0, 1, 2**30], pyarrow.int32()).cast(pyarrow.date32()),
    "duration": stored([0, 1, 2**62], pyarrow.duration("s")),
}


@pytest.mark.parametrize("column", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_value_that_python_does_not_have_is_one_line_with_its_row(column, in_chunks):
    column = pyarrow.chunked_array([column, column]) if in_chunks else column
    with pytest.raises(DataError, match=r"^row 3: column 'a': not a value that can be read: [^\n]+$"):
        values_of(column, "a", lambda row: f"row {row + 1}")
    assert len(values_of(column.slice(0, 2), "a", str)) == 2


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([1], pyarrow.timestamp("ms", "Foo/Bar")),
        pyarrow.StructArray.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["x", "x"]),
    ],
)
def test_so_is_a_column_whose_type_python_does_not_have(column):
    with pytest.raises(DataError, match=r"^row 0: column 'a': not a value that can be read: [^\n]+$"):
        values_of(column, "a", lambda row: f"row {row}")


def read_back(column, change):
    """Returns a column from the bytes of an Arrow file that have been changed."""
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.table({"a": column})
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return pyarrow.ipc.open_stream(change(sink.getvalue().to_pybytes())).read_all()["a"]


def test_offsets_that_lead_out_of_a_column_are_not_followed():
    ends = b"".join(end.to_bytes(4, "little") for end in (2, 4))
    assert read_back(pyarrow.array(["ab", "cd"]), bytes).to_pylist() == ["ab", "cd"]
    for changed in ((2, 1 << 30), (1 << 30, 4), (5, 4)):
        others = b"".join(end.to_bytes(4, "little") for end in changed)
        column = read_back(pyarrow.array(["ab", "cd"]), lambda content, others=others: content.replace(ends, others))
        with pytest.raises(DataError, match=r"^a file: column 'a': damaged: [^\n]+$"):
            check_offsets(column, "a", "a file")
    check_offsets(UNREADABLE["text"], "a", "a file")


def test_of_a_row_only_what_is_asked_for_is_converted():
    days = [datetime.date(2024, 1, 2), None, None]
    batch = pyarrow.record_batch({"bad": UNREADABLE["text"], "day": pyarrow.array(days, pyarrow.date32())})
    row = ArrowRow(batch, 2, "here")
    assert (list(row), len(row), "bad" in row, "x" in row, row["day"]) == (["bad", "day"], 2, True, False, None)
    assert ArrowRow(batch, 0, "here")["day"] == "2024-01-02"
    with pytest.raises(DataError, match="here: column 'bad': not a value that can be read: invalid UTF-8"):
        row["bad"]
    with pytest.raises(KeyError):
        row["x"]
