import gzip
import json
import sys

import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.errors import DataError, RunError
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.prediction.fields import TextFields
from tfmtl.serving.prediction.rows import Row, read_records, rows_of, write_jsonl


def read(path, fields=None, **options):
    return rows_of(read_records(path, **options), fields or TextFields.of({}))


def test_rows_are_read_with_their_places(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "a\\u2028b", "id": 3}\n\n{"text": "", "text_pair": ""}\n{"text": "c", "text_pair": null}')
    assert list(read(path)) == [
        Row("a\u2028b", None, f"{path}:1"),
        Row("", "", f"{path}:3"),
        Row("c", None, f"{path}:4"),
    ]


def test_zipped_files_and_the_standard_input_are_read(tmp_path, monkeypatch):
    lines = '{"text": "é"}\n{"text": "f"}\n'.encode()
    (tmp_path / "texts.jsonl.gz").write_bytes(gzip.compress(lines))
    assert [row.text for row in read(tmp_path / "texts.jsonl.gz")] == ["é", "f"]
    (tmp_path / "piped").write_bytes(lines)
    with open(tmp_path / "piped", encoding="utf-8") as piped:
        monkeypatch.setattr(sys, "stdin", piped)
        assert list(read("-"))[1] == Row("f", None, "standard input:2")


NLI = TextFields.of({"same": ServedTask(kind="regression", pair=True, text="first", text_pair="second")})


def test_tables_are_read_by_the_names_of_their_columns(tmp_path):
    (tmp_path / "a.csv").write_text('id,second,first\n1,"b, c","a\nd"\n2,,e\n')
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b'text_pair\tfirst\nb\t"a"\n'))
    path = tmp_path / "a.csv"
    assert list(read(path, NLI)) == [
        Row("a\nd", "b, c", f"{path}:2"),
        Row("e", None, f"{path}:4"),
    ]
    assert list(read(tmp_path / "a.tsv.gz", NLI)) == [Row('"a"', "b", f"{tmp_path}/a.tsv.gz:2")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "a.csv: the file is empty"),
        ("text,a,a\nx,y,z\n", "a.csv: two columns are named 'a'"),
        ("text,a\nx\n", r"a.csv:2: 1 fields, expected 2 \(text, a\)"),
        ("txet\nx\n", r"a.csv:2: there is no 'text'; did you mean 'txet'\?"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_its_place(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        list(read(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": "a"', r"not JSON: .* at column 13"),
        (b"[" * 200_000, "not JSON: nested too deeply"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "not JSON: a number has more digits than can be read"),
        (b"[1]", r"expected an object with a 'text', found \[1\]"),
        (b'{"texts": "a"}', r"there is no 'text'; did you mean 'texts'\?"),
        (b'{"text": null}', "'text' is not a text: null"),
        (b'{"text": "a", "text_pair": [3]}', r"'text_pair' is not a text: \[3\]"),
        (b'{"text": "\xff"}', "invalid UTF-8, byte 0xff after 10 bytes of the line"),
    ],
)
def test_a_line_that_is_no_row_is_told_with_its_place(tmp_path, line, message):
    path = tmp_path / "texts.jsonl"
    path.write_bytes(b'{"text": "good"}\n' + line + b"\n")
    rows = read(path)
    assert next(rows).text == "good"
    with pytest.raises(DataError, match=f"texts.jsonl:2: {message}"):
        next(rows)


def test_texts_are_read_as_training_reads_them(tmp_path):
    path = tmp_path / "texts.jsonl"
    rows = [
        {"text": ["One.", "Two."], "text_pair": 3.0},
        {"title": "A", "mail": {"body": "b\nc"}},
        {"title": None, "mail": {"body": "b"}},
        {"title": "", "mail": {"body": ""}},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    fields = TextFields.of({"a": ServedTask(kind="regression", text=("title", "mail.body"))})
    assert [(row.text, row.text_pair) for row in read(path, fields)] == [
        ("One. Two.", "3"),
        ("A\nb\nc", None),
        ("b", None),
        ("", None),
    ]
    path.write_text('{"title": null, "mail": {"body": null}}')
    with pytest.raises(DataError, match=r"jsonl:1: 'title' and 'mail.body' are not a text: null"):
        list(read(path, fields))


def test_invalid_utf8_can_be_replaced(tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_bytes(b'{"text": "\xff"}')
    assert [row.text for row in read(path, encoding_errors="replace")] == ["\ufffd"]


def test_a_file_that_is_not_there_is_told_at_once(tmp_path):
    with pytest.raises(DataError, match=r"none.jsonl: there is no such file"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="this is a folder"):
        read(tmp_path)


@settings(max_examples=25)
@given(st.lists(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False), max_size=3)))
def test_what_is_written_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "out.jsonl"
    write_jsonl(rows, path)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == rows


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text("before")

    def rows():
        yield {"a": 1}
        raise DataError("row 2")

    with pytest.raises(DataError, match="row 2"):
        write_jsonl(rows(), path)
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    (tmp_path / "target").write_text("before")
    (tmp_path / "link").symlink_to("target")
    write_jsonl([{"a": 1}], tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == '{"a": 1}\n'


def test_the_standard_output_and_devices_are_written_directly(capsys, tmp_path):
    write_jsonl([{"a": "é"}])
    assert capsys.readouterr().out == '{"a": "é"}\n'
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    write_jsonl([{"a": 1}], null)
    assert null.is_char_device()


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"out.jsonl: '.*file' is a file, not a folder"):
        write_jsonl([], tmp_path / "file" / "out.jsonl")


def test_a_row_that_is_none_stands_in_its_place_where_that_is_asked_for_with_its_id(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        '{"id": 1, "text": "a"}\n{"id": 2, "text": null}\nnothing\n{"text": "b"}\n\n{"id": null, "text": "c"}\n'
    )
    found = list(rows_of(read_records(path), carried="id", on_error="report"))
    assert [(row.text, row.carried, row.place) for row in found] == [
        ("a", {"id": 1}, f"{path}:1"),
        ("", {"id": 2}, f"{path}:2"),
        ("", {}, f"{path}:3"),
        ("", {}, f"{path}:4"),
        ("c", {"id": None}, f"{path}:6"),
    ]
    assert [row.error for row in found] == [
        None,
        f"{path}:2: 'text' is not a text: null",
        f"{path}:3: not JSON: Expecting value at column 1",
        f"{path}:4: there is no 'id'; known: text",
        None,
    ]
    with pytest.raises(DataError, match=r"rows\.jsonl:2: 'text' is not a text: null"):
        list(rows_of(read_records(path), carried="id"))


def test_a_short_row_of_a_table_is_reported_and_the_next_one_is_read(tmp_path):
    (tmp_path / "a.csv").write_text("id,body\n1,x\n2\n3,y\n")
    fields = TextFields.of({}).only("body")
    found = list(rows_of(read_records(tmp_path / "a.csv"), fields, "id", "report"))
    assert [(row.text, row.carried) for row in found] == [("x", {"id": "1"}), ("", {}), ("y", {"id": "3"})]
    assert found[1].error == f"{tmp_path}/a.csv:3: 1 fields, expected 2 (id, body)"


def test_parquet_is_read_by_the_names_of_its_columns(tmp_path):
    path = tmp_path / "rows.parquet"
    pandas.DataFrame({"id": [7, 8], "first": ["a", "b"], "second": ["c", None]}).to_parquet(path)
    found = list(rows_of(read_records(path), NLI, "id"))
    assert found == [Row("a", "c", f"{path}: row 1", {"id": 7}), Row("b", None, f"{path}: row 2", {"id": 8})]
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a Parquet file that can be read"):
        list(read(path))


def written(rows, form, folder):
    """A file of rows in a format."""
    path = folder / f"rows.{form}"
    table = pandas.DataFrame(rows)
    if form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif form == "parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")
    return path


VALUES = ["good", "NA", " None ", "-", None, ""]


@pytest.mark.parametrize(
    ("form", "missing", "bad"),
    [
        # What the formats take as missing in training.
        ("csv", None, {"NA", " None ", None, ""}),
        ("tsv", None, {"NA", " None ", None, ""}),
        ("jsonl", None, {None}),
        ("parquet", None, {None}),
        # What the source says, in any format; an empty cell is missing all the same.
        ("csv", ["-"], {"-", None, ""}),
        ("tsv", ["None"], {" None ", None, ""}),
        ("jsonl", ["-", "NA"], {"-", "NA", None}),
        ("parquet", ["-"], {"-", None}),
        ("csv", [], {None, ""}),
        ("tsv", [], {None, ""}),
        ("jsonl", [], {None}),
    ],
)
def test_what_training_takes_as_missing_is_a_bad_row(tmp_path, form, missing, bad):
    rows = [{"id": str(number), "body": value} for number, value in enumerate(VALUES)]
    task = ServedTask(kind="regression", text="body", missing=missing)
    records = read_records(written(rows, form, tmp_path))
    found = list(rows_of(records, TextFields.of({"size": task}), "id", "report"))
    assert [row.error is not None for row in found] == [value in bad for value in VALUES]
    assert [row.text for row in found if row.error is None] == [value for value in VALUES if value not in bad]
    assert [row.carried["id"] for row in found] == [row["id"] for row in rows]


def test_an_error_says_what_stands_for_a_missing_text(tmp_path):
    (tmp_path / "a.csv").write_text('id,text\n1,NA\n2,""\n')
    found = rows_of(read_records(tmp_path / "a.csv"), on_error="report")
    assert [row.error for row in found] == [
        f"{tmp_path}/a.csv:2: 'text' is missing: 'NA' stands for a missing value, as in training",
        f"{tmp_path}/a.csv:3: 'text' is empty",
    ]
    with pytest.raises(DataError, match=r"a\.csv:2: 'text' is missing"):
        list(read(tmp_path / "a.csv"))


def test_a_missing_part_of_a_text_is_left_out_and_a_missing_second_text_is_no_pair(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("title,body,reply\nA,NA,nan\nNone,b,c\nNA,,d\n")
    task = ServedTask(kind="regression", pair=True, text=("title", "body"), text_pair="reply")
    found = list(rows_of(read_records(path), TextFields.of({"a": task}), on_error="report"))
    assert [(row.text, row.text_pair) for row in found[:2]] == [("A", None), ("b", "c")]
    assert "'title' and 'body' are missing: 'NA' stands for a missing value" in found[2].error


def test_any_task_that_reads_a_text_says_what_is_missing(tmp_path):
    tasks = {
        "a": ServedTask(kind="regression", text="body", missing=["-"]),
        "b": ServedTask(kind="regression", text="body"),
        "c": ServedTask(kind="regression", text="title", missing=["?"]),
    }
    fields = TextFields.of(tasks)
    assert fields.stands_for_missing(("body",), ["NA"]) == {"-", "NA"}
    assert fields.stands_for_missing(("title",), ["NA"]) == {"?"}
    for any_text in (fields, fields.only("text")):
        assert any_text.stands_for_missing(("text",), ["NA"]) == {"-", "NA", "?"}
    assert TextFields.of({}).stands_for_missing(("text",), ["NA"]) == {"NA"}


def test_of_parquet_only_what_is_needed_is_converted_and_what_cannot_be_is_told(tmp_path):
    path = tmp_path / "rows.parquet"
    offsets = pyarrow.array([0, 1, 2, 3], pyarrow.int32()).buffers()[1]
    text = pyarrow.Array.from_buffers(pyarrow.string(), 3, [None, offsets, pyarrow.py_buffer(b"a\xffc")])
    late = pyarrow.array([0, 2**61, 2**61], pyarrow.int64()).cast(pyarrow.timestamp("us"), safe=False)
    pyarrow.parquet.write_table(pyarrow.table({"text": text, "late": late}), path)
    found = read(path)
    assert next(found).text == "a"
    message = f"{path}: row 2: column 'text': not a value that can be read: invalid UTF-8"
    with pytest.raises(DataError, match=f"^{message}$"):
        next(found)
    found = list(rows_of(read_records(path), on_error="report"))
    assert [(row.text, row.error) for row in found] == [("a", None), ("", message), ("c", None)]
    found = list(rows_of(read_records(path), carried="late", on_error="report"))
    assert [row.carried for row in found] == [{"late": "1970-01-01 00:00:00"}, {}, {}]
    assert [row.error and row.error.split(":")[2] for row in found] == [None, " column 'text'", " column 'late'"]


def test_two_columns_of_parquet_with_one_name_are_refused(tmp_path):
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text", "text"])
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"rows.parquet: two columns are named 'text'"):
        list(read(tmp_path / "rows.parquet"))


def test_a_field_that_is_named_is_the_only_one_that_holds_the_text():
    fields = NLI.only("question")
    assert fields.among(dict.fromkeys(["question", "first", "second"]), "here") == (("question",), ("second",))
    assert fields.among(dict.fromkeys(["question", "text"]), "here") == (("question",), None)
    with pytest.raises(DataError, match="here: there is no 'question'"):
        fields.among({"first": "a"}, "here")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text;id\na, b;1\n"),
        ("a.csv", '"text"|"id"\n"a, b"|"1"\n'),
        ("a.tsv", '"text"\t"id"\n"a, b"\t"1"\n'),
        ("a.csv", 'text,id\r"a, b",1\r'),
    ],
)
def test_tables_of_other_dialects_are_read_as_in_training(tmp_path, name, content):
    (tmp_path / name).write_text(content, newline="")
    (row,) = rows_of(read_records(tmp_path / name), carried="id")
    assert (row.text, row.carried) == ("a, b", {"id": "1"})
