import csv
import gzip
import io
import logging

import pandas
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


def columns_read(path, content, caplog, read=comma, **options):
    """Returns both columns, and what was said."""
    caplog.clear()
    with caplog.at_level(logging.INFO, "tfmtl"):
        rows = read(path, content, ["text", "label"], **options)
    return rows.columns["text"], rows.columns["label"], caplog.messages


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_found_out_and_said(path, caplog, delimiter):
    content = f'text{delimiter}label\n"a, b{delimiter}c"{delimiter}x\n'
    found, default = f"quotes and the delimiter {delimiter!r}", "quotes and the delimiter ','"
    said = f"{path}: read with {found}, since with {default} it has no such rows"
    assert columns_read(path, content, caplog) == ([f"a, b{delimiter}c"], ["x"], [said])
    # A run that keeps its configuration finds out the same.
    kept = validate(CsvOptions, validate(CsvOptions, {"train": str(path)}, "s").model_dump(mode="json"), "s")
    assert CsvSource(kept).read("train", ["label"]).columns == {"label": ["x"]}
    # What is configured is not guessed.
    with pytest.raises(DataError, match="there is no column 'text'"):
        columns_read(path, content, caplog, delimiter=",")


def test_quotes_in_a_tsv_file_are_found_out_where_it_has_no_rows_without_them(path, caplog):
    text, label, said = columns_read(path, 'text\tlabel\n"one\n more"\ta\n', caplog, read=tsv)
    assert (text, label) == (["one\n more"], ["a"])
    tab = "and the delimiter '\\t'"
    assert said == [f"{path}: read with quotes {tab}, since with no quotes {tab} it has no such rows"]
    assert columns_read(path, '"text"\t"label"\n"one"\t"a"\n', caplog, read=tsv)[:2] == (["one"], ["a"])
    # Where it has rows, quotes belong to the text.
    assert columns_read(path, 'text\tlabel\n"one"\ta\n', caplog, read=tsv) == (['"one"'], ["a"], [])
    with pytest.raises(DataError, match=r":2: 1 fields, expected 2"):
        columns_read(path, 'text\tlabel\n"one\n more"\ta\n', caplog, read=tsv, quoting=False)


def test_an_escaped_quote_is_read_where_that_is_configured_and_hinted_at_where_not(path, caplog):
    content = 'text,label\n"he said \\"so\\", twice",a\n"plain ""quote""",b\n'
    found = columns_read(path, content, caplog, escape="\\")
    assert found == (['he said "so", twice', 'plain "quote"'], ["a", "b"], [])
    with pytest.raises(DataError) as caught:
        columns_read(path, content, caplog)
    assert str(caught.value).endswith("""; 'escape: "\\\\"' reads \\" as a quote""")
    with pytest.raises(ConfigurationError, match="'escape' needs 'quoting: true'"):
        columns_read(path, content, caplog, read=tsv, escape="\\")


def test_carriage_returns_alone_end_the_lines_of_a_table(path, caplog):
    assert columns_read(path, "text,label\rone,a\rtwo,b\r", caplog) == (["one", "two"], ["a", "b"], [])
    assert columns_read(path, "text\tlabel\rone\ta\rtwo\tb", caplog, read=tsv) == (["one", "two"], ["a", "b"], [])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(_FIELD, _FIELD.filter(str.strip)), min_size=1, max_size=5),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_tables_that_pandas_writes_are_what_pandas_reads(path, records, delimiter, encoding, end):
    frame = pandas.DataFrame(records, columns=["text", "label"])
    frame.to_csv(path, sep=delimiter, index=False, encoding=encoding, lineterminator=end)
    read = {"sep": delimiter, "encoding": encoding, "dtype": str, "keep_default_na": False}
    expected = pandas.read_csv(path, **read, lineterminator=None)
    source = CsvSource(validate(CsvOptions, {"train": str(path), "encoding": encoding}, "s"))
    found = source.read("train", ["text", "label"]).columns
    assert found == {"text": expected["text"].tolist(), "label": expected["label"].tolist()}
