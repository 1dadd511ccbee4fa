import csv
import gzip
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.core.validation import validate
from tfmtl.data.sources.delimited import CsvOptions, CsvSource, DelimitedOptions, TsvSource


@pytest.fixture
def path(tmp_path):
    return tmp_path / "train.txt"


def tsv(path, content, fields, **options):
    path.write_text(content, encoding="utf-8", newline="")
    return TsvSource(validate(DelimitedOptions, {"train": str(path), **options}, "s")).read("train", fields)


def comma(path, content, fields, **options):
    path.write_text(content, encoding="utf-8", newline="")
    return CsvSource(validate(CsvOptions, {"train": str(path), **options}, "s")).read("train", fields)


def test_tsv_takes_quotes_as_they_are(path):
    rows = tsv(path, 'label\ttext\n1\t"so" he said\n\n0\tit\'s "half\n', ["text", "label"])
    assert rows.columns == {"text": ['"so" he said', "it's \"half"], "label": ["1", "0"]}
    assert [rows.place(row) for row in range(2)] == [f"{path}:2", f"{path}:4"]


def test_csv_fields_hold_quotes_delimiters_and_line_ends(path):
    rows = comma(path, 'text,label\r\n"a, ""b""\nc",1\r\nplain,0\r\n', ["text"])
    assert rows.columns == {"text": ['a, "b"\nc', "plain"]}
    assert [rows.place(row) for row in range(2)] == [f"{path}:2", f"{path}:4"]


_FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_FIELD, _FIELD), min_size=1, max_size=5))
def test_csv_reads_back_what_python_writes(path, records):
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([("a", "b"), *records])
    rows = comma(path, buffer.getvalue(), ["b", "a"])
    assert list(zip(rows.columns["a"], rows.columns["b"], strict=True)) == records


def test_a_field_can_be_longer_than_pythons_limit(path):
    assert len(comma(path, f'text\n"{"x" * 200_000}"\n', ["text"]).columns["text"][0]) == 200_000


def test_gzip(tmp_path):
    path = tmp_path / "a.tsv.gz"
    path.write_bytes(gzip.compress(b"text\nhello\n"))
    assert TsvSource(DelimitedOptions(train=(str(path),))).read("train", ["text"]).columns == {"text": ["hello"]}


def test_columns_name_a_file_without_header(path):
    assert tsv(path, "1\ta\n", ["text"], header=False, columns=["label", "text"]).columns == {"text": ["a"]}


def test_a_header_can_stand_in_one_split_only(tmp_path):
    (tmp_path / "a").write_text("klass\ttitle\n1\tx\n")
    (tmp_path / "b").write_text("2\ty\n")
    values = {
        "train": f"{tmp_path}/a",
        "test": f"{tmp_path}/b",
        "header": {"test": False},
        "columns": ["label", "text"],
    }
    source = TsvSource(validate(DelimitedOptions, values, "s"))
    assert source.read("train", ["label"]).columns == {"label": ["1"]}
    assert source.read("test", ["label"]).columns == {"label": ["2"]}


def test_another_delimiter(path):
    assert tsv(path, "a;b\n1;2\n", ["b"], delimiter=";").columns == {"b": ["2"]}


@pytest.mark.parametrize(
    ("read", "content", "expected"),
    [
        (tsv, "text\tlabel\n1\n", ":2: 1 fields, expected 2 (text, label)"),
        (tsv, "text\tlabel\na\tb\n\na\tb\tc\n", ":4: 3 fields, expected 2 (text, label)"),
        (tsv, "", ": the file is empty"),
        (tsv, "text\tlabel\n", ": the file has no rows"),
        (tsv, "text\ttext\na\tb\n", ": two columns are named 'text'"),
        (tsv, "txt\tlabel\na\tb\n", ": there is no column 'text'; did you mean 'txt'? (known: label, txt)"),
        (comma, 'text,label\n"a" b,c\n', ":2: not a row of quoted fields: "),
        (comma, 'text,label\na,b\n"never closed,c\n', ":3: not a row of quoted fields: "),
    ],
)
def test_a_file_that_is_no_table_is_one_line_with_its_place(path, read, content, expected):
    with pytest.raises(DataError) as caught:
        read(path, content, ["text"])
    assert str(caught.value).startswith(f"{path}{expected}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"header": False}, "s: without a header the key 'columns' is required, such as [label, text]"),
        ({"header": {"tran": False}}, "s: 'header' names the split 'tran'; did you mean 'train'? (known: train)"),
        ({"delimiter": "||"}, "s.delimiter: "),
    ],
)
def test_options_that_do_not_fit_are_refused(values, expected):
    with pytest.raises(ConfigurationError) as caught:
        validate(DelimitedOptions, {"train": "a.tsv", **values}, "s")
    assert str(caught.value).startswith(expected)
