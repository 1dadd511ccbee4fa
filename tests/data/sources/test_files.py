import gzip

import pytest

from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.core.validation import validate
from tfmtl.data.sources.files import FileOptions, expanded, numbered_lines
from tfmtl.data.sources.json_files import JsonLinesSource


def lines(path, encoding_errors="strict"):
    return list(numbered_lines(path, encoding_errors))


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


def test_what_is_no_regular_file_is_told():
    with pytest.raises(DataError, match=r"^/dev/null: this is not a regular file"):
        expanded("/dev/null")


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_come_without_ends_and_byte_order_mark(write, name):
    path = write(name, b"\xef\xbb\xbfone\r\ntwo\n\nfour")
    assert lines(path) == [(1, "one"), (2, "two"), (3, ""), (4, "four")]


def test_only_a_line_feed_ends_a_line(write):
    text = "a\x85b\u2028c\x0bd\re"
    assert lines(write("a.txt", text.encode())) == [(1, text)]


def test_invalid_utf8_is_an_error_with_its_place(write):
    path = write("a.txt", b"fine\nca\xe9\n")
    with pytest.raises(DataError) as caught:
        lines(path)
    assert str(caught.value) == (
        f"{path}:2: invalid UTF-8, byte 0xe9 after 2 bytes of the line; "
        "'encoding: cp1252' reads files of Western Windows, "
        "'encoding_errors: replace' (predict: '--encoding-errors replace') replaces what is invalid"
    )


def test_utf16_is_told(write):
    with pytest.raises(DataError, match="the file looks like UTF-16, which 'encoding: utf-16' reads"):
        lines(write("a.txt", "one\ntwo\n".encode("utf-16")))


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "utf-32", "gb18030", "UTF8"])
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_other_encodings_are_read(write, encoding, name):
    texts = ["caf\xe9", "", "na\xefve"]
    path = write(name, "\r\n".join(texts).encode(encoding))
    assert list(numbered_lines(path, "strict", encoding)) == list(enumerate(texts, start=1))


def test_what_is_not_text_in_another_encoding_is_told(write):
    with pytest.raises(
        DataError, match=r"a\.txt:2: invalid ASCII, byte 0xe9 after 2 bytes of the line; 'encoding_errors"
    ):
        list(numbered_lines(write("a.txt", b"fine\nca\xe9\n"), "strict", "ascii"))
    with pytest.raises(DataError, match=r"a\.txt: invalid UTF-16: "):
        list(numbered_lines(write("a.txt", b"a\0b"), "strict", "utf-16"))
    with pytest.raises(ConfigurationError, match=r"^s\.encoding: no such encoding; did you mean 'cp1252'\?"):
        validate(FileOptions, {"train": "a", "encoding": "cp-12522"}, "s")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.txt").write_text("one\n")
    assert expanded("~/a.txt") == expanded("~/*.txt") == [tmp_path / "a.txt"]


def test_invalid_utf8_is_replaced_where_that_is_asked_for(write):
    assert lines(write("a.txt", b"ca\xe9\n"), "replace") == [(1, "ca\ufffd")]


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"a\n" * 999)[:-12]],
    ids=["not gzip", "cut short"],  # A compressed file holds the time of its making: no name for workers to agree on.
)
def test_a_damaged_gzip_file_is_named(tmp_path, content):
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.gz: cannot be read: "):
        lines(path)


def test_a_glob_gives_its_files_sorted(write, tmp_path):
    paths = [write(name, b"x") for name in ("b.tsv", "a.tsv", "c.txt")]
    assert expanded(f"{tmp_path}/*.tsv") == [paths[1], paths[0]]


def test_a_file_whose_name_looks_like_a_glob_is_itself(write):
    path = write("a[1].tsv", b"x")
    assert expanded(str(path)) == [path]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("none.tsv", "there is no such file"), ("*.none", "no file matches"), ("", "this is a folder; name its files")],
)
def test_what_is_not_there_is_named(tmp_path, name, expected):
    with pytest.raises(DataError) as caught:
        expanded(f"{tmp_path}/{name}")
    assert str(caught.value).startswith(f"{tmp_path}/{name}: {expected}")


def options(**values):
    return validate(FileOptions, values, "sources.s")


def test_splits_are_those_that_have_paths():
    source = JsonLinesSource(options(train="a", test=["b", "c"], splits={"hard": "d"}))
    assert source.splits == ("train", "test", "hard")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "sources.s.train: this key is required"),
        ({"train": []}, "sources.s.train: "),
        ({"train": 3}, "sources.s.train: "),
        ({"train": "a", "splits": {"test": "b"}}, "sources.s.splits: 'test' is a key of the source itself"),
        (
            {"train": "a", "encoding_errors": "ignore"},
            "sources.s.encoding_errors: expected 'strict' or 'replace'",
        ),
        ({"train": "a", "valid": "b"}, "sources.s: unknown key 'valid'; did you mean 'validation'? "),
    ],
)
def test_options_that_say_nothing_readable_are_refused(values, expected):
    with pytest.raises(ConfigurationError) as caught:
        options(**values)
    assert str(caught.value).startswith(expected)


def test_several_files_are_read_one_after_the_other_with_their_own_places(write, tmp_path):
    write("a.jsonl", b'{"x": 1}\n{"x": 2}\n')
    last = write("b/c.jsonl", b'\n{"x": 3}\n')
    rows = JsonLinesSource(options(train=[f"{tmp_path}/*.jsonl", str(last)])).read("train", ["x"])
    assert rows.columns == {"x": [1, 2, 3]}
    assert [rows.place(row) for row in range(3)] == [f"{tmp_path}/a.jsonl:1", f"{tmp_path}/a.jsonl:2", f"{last}:2"]
