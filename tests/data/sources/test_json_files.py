import gzip
import json

import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.sources.files import FileOptions
from tfmtl.data.sources.json_files import JsonLinesSource, JsonSource

ROWS = [{"text": "é", "label": 1}, {"text": ["a", "b"], "score": 0.5}]


def read(kind, path, content, fields):
    content = content.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return kind(FileOptions(train=(str(path),))).read("train", fields)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_an_object_a_line(tmp_path, name):
    path = tmp_path / name
    rows = read(JsonLinesSource, path, "\n".join(map(json.dumps, ROWS)), ["text", "label", "score"])
    assert rows.columns == {"text": ["é", ["a", "b"]], "label": [1, None], "score": [None, 0.5]}
    assert rows.place(1) == f"{path}:2"


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
@pytest.mark.parametrize("document", [ROWS, {"version": 1, "data": ROWS}])
def test_one_list_of_objects(tmp_path, name, document):
    path = tmp_path / name
    rows = read(JsonSource, path, json.dumps(document, indent=1), ["text", "label"])
    assert rows.columns == {"text": ["é", ["a", "b"]], "label": [1, None]}
    assert rows.place(1) == f"{path}: item 2"


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (JsonLinesSource, '{"text": "a"}\n{"text": }\n', ":2: not JSON: Expecting value at column 10"),
        (JsonLinesSource, '{"text": "a"}\n[1]\n', ": item 2 is not an object of names and values: [1]"),
        (JsonLinesSource, '{"txt": "a"}\n', ": there is no column 'text'; did you mean 'txt'? (known: txt)"),
        (JsonLinesSource, "", ": the file has no rows"),
        (JsonLinesSource, "[" * 100_000, ":1: not JSON: nested too deeply"),
        (JsonLinesSource, f'{{"text": {"9" * 5000}}}', ":1: not JSON: a number has more digits than can be read"),
        (JsonSource, "", ": the file is empty"),
        (JsonSource, "[]", ": the file has no rows"),
        (JsonSource, '[\n{"text": "a"},\n{"text" "a"}]', ":3: not JSON: Expecting ':' delimiter at column 9"),
        (JsonSource, '{"a": [], "b": []}', ": expected a list of objects, or an object with one, found 2 lists"),
        (JsonSource, "3", ": expected a list of objects, or an object with one, found 0 lists"),
    ],
)
def test_what_is_no_row_is_one_line_with_its_place(tmp_path, kind, content, expected):
    path = tmp_path / "a.json"
    with pytest.raises(DataError) as caught:
        read(kind, path, content, ["text"])
    assert str(caught.value) == f"{path}{expected}"


def test_half_of_a_surrogate_pair_is_an_error_or_replaced(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = '{"text": "\\ud83d\\ude00"}\n{"text": "a \\ud800 b"}\n'
    with pytest.raises(DataError, match=r"a\.jsonl:2: half of a surrogate pair is escaped; 'encoding_errors: replace'"):
        read(JsonLinesSource, path, lines, ["text"])
    options = FileOptions(train=(str(path),), encoding_errors="replace")
    assert JsonLinesSource(options).read("train", ["text"]).columns == {"text": ["\U0001f600", "a \ufffd b"]}


def test_a_dot_names_a_field_within_a_field(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"doc": {"body": {"text": "one"}}, "a.b": 1, "a": {"b": 2}}, {"doc": {"body": None}}, {"doc": "x"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = JsonLinesSource(FileOptions(train=(str(path),))).read
    found = read("train", ["doc.body.text", "a.b"]).columns
    assert found == {"doc.body.text": ["one", None, None], "a.b": [1, None, None]}
    with pytest.raises(DataError, match=r"there is no column 'doc\.txt'"):
        read("train", ["doc.txt"])
