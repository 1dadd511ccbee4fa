import doctest
import gzip
import logging
import math
from collections import Counter

import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.sources import pydocs
from tfmtl.data.sources.pydocs import PydocsOptions, PydocsSource, PythonFile

BODY = "It goes on for long enough to be a text that somebody would like to have a summary of, in one line."


def record(package, number, file="p/a.py"):
    return {"text": f"text {number}", "summary": f"s {number}", "package": package, "name": f"n{number}", "file": file}


def test_the_docstring_examples_hold():
    assert doctest.testmod(pydocs).failed == 0


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Adds numbers.", ("Adds numbers", "")),
        ("\n    Adds two\n    numbers.\n\n    More.\n    ", ("Adds two numbers", "More.")),
        ("Adds e.g. numbers. Fast.\n\nMore.", ("Adds e.g. numbers", "Fast.\n\nMore.")),
        ("Adds numbers", ("Adds numbers", "")),
    ],
)
def test_the_first_sentence_is_the_summary(docstring, expected):
    assert pydocs.split_docstring(docstring) == expected


@pytest.mark.parametrize(
    ("summary", "text", "expected"),
    [
        ("Adds two numbers", BODY, True),
        ("Adds numbers", BODY, False),  # two words
        ("word " * 30, BODY, True),
        ("word " * 31, BODY, False),
        ("Adds two numbers", BODY[:79], False),
        ("somebody would like to have", BODY, False),  # stands in the text
        ("add(x, y) of two numbers", BODY, False),
        ("Parameters ---------- x : int", BODY, False),
        (">>> adds two numbers", BODY, False),
    ],
)
def test_usable_docstrings(summary, text, expected):
    assert pydocs.is_usable(summary, text) is expected


@pytest.fixture
def file(tmp_path):
    def file(name, source):
        path = tmp_path / name.replace("/", "_")
        path.write_text(source)
        return PythonFile(name.partition("/")[0], name, path)

    return file


def documented(kind, name, summary, body=BODY):
    return f'{kind} {name}:\n    """{summary}.\n\n    {body}\n    """\n'


def test_a_file_has_the_name_of_its_module(file):
    assert [file(name, "").module for name in ("p/b.py", "p/__init__.py", "six.py")] == ["p.b", "p", "six"]


def test_no_text_comes_twice_and_no_summary_twice_in_a_package(file):
    files = [
        file(
            "p/a.py", documented("def", "f()", "Adds two numbers") + documented("def", "g()", "Adds two more numbers")
        ),
        file("p/b.py", documented("def", "h()", "Adds two numbers", BODY + " Again.")),
        file("q/b.py", documented("def", "i()", "Adds two numbers", BODY + " Once more.")),
    ]
    assert [found["name"] for found in pydocs.usable_records(files)] == ["p.a.f", "q.b.i"]


def test_small_packages_are_left_out_and_large_ones_capped_in_order():
    records = [record("large", number) for number in range(50)] + [record("small", number) for number in range(9)]
    kept = pydocs.limited(records, minimum=10, maximum=20)
    assert [found["package"] for found in kept] == ["large"] * 20
    assert kept == [found for found in records if found in kept]
    assert kept == pydocs.limited(records, minimum=10, maximum=20)


def test_splits_have_their_shares_of_files():
    size = 100_000
    splits = Counter(pydocs.split_of(f"package/module_{number}.py") for number in range(size))
    for split, share in {"train": 0.9, "validation": 0.05, "test": 0.05}.items():
        deviation = math.sqrt(size * share * (1 - share))
        assert abs(splits[split] - size * share) < 4 * deviation


@pytest.fixture
def few_files(monkeypatch, tmp_path, file):
    """Makes the installed packages two files, and counts how often they are read."""
    monkeypatch.setenv("TFMTL_CACHE", str(tmp_path / "cache"))
    reads = []
    functions = [documented("def", f"f{number}()", f"Adds number {number}", f"{BODY} {number}") for number in range(4)]
    files = [file("p/a.py", "".join(functions[:3])), file("q/a.py", functions[3])]
    monkeypatch.setattr(pydocs, "installed_files", lambda: reads.append(1) or files)
    return reads


def test_packages_are_parsed_once_and_cached(few_files, tmp_path):
    first, second = pydocs.cached_records(), pydocs.cached_records()
    assert first == second
    assert len(first) == 4
    assert len(few_files) == 1
    assert [path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()] == ["pydocs"]


LINES = {
    "half": b'{"text": ',
    "keys": b"{}",
    "list": b"[]",
    "number": b"3",
    "deep": b"[" * 100_000,
    "bytes": b"\xff",
    "types": b'{"text": 1, "summary": "a", "package": "b", "name": "c", "file": "d"}',
}
DAMAGED = {"empty": b"", "none": b"no archive", "cut": gzip.compress(b'{"text": "a"}\n', mtime=0)[:-9]}
DAMAGED |= {name: gzip.compress(line, mtime=0) for name, line in LINES.items()}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_cache_is_named_and_made_again(few_files, tmp_path, caplog, content):
    records = pydocs.cached_records()
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(content)
    assert pydocs.cached_records() == records
    (said,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert said.startswith(f"{path}: damaged: ") and said.endswith("; it is made again") and "\n" not in said
    assert pydocs.cached_records() == records and len(few_files) == 2


def test_a_cache_that_cannot_be_written_is_said(few_files, tmp_path, monkeypatch, caplog):
    (tmp_path / "plain_file").write_text("")
    monkeypatch.setenv("TFMTL_CACHE", str(tmp_path / "plain_file"))
    with caplog.at_level(logging.WARNING, "tfmtl"):
        assert len(pydocs.cached_records()) == 4
    assert "TFMTL_CACHE names another folder" in caplog.text


def test_the_source_reads_a_split_with_places(few_files):
    source = PydocsSource(PydocsOptions(minimum_per_package=2))
    split = pydocs.split_of("p/a.py")
    rows = source.read(split, ["summary", "package"])
    assert rows.columns == {"summary": [f"Adds number {number}" for number in range(3)], "package": ["p"] * 3}
    assert rows.place(1) == "pydocs: p.a.f1"
    others = set(source.splits) - {split}
    with pytest.raises(DataError, match="no usable docstrings"):
        source.read(others.pop(), ["summary"])


def test_a_field_that_it_has_not(few_files):
    with pytest.raises(DataError, match="there is no column 'body'; known: name, package, summary, text"):
        PydocsSource(PydocsOptions()).read("train", ["body"])


def test_installed_files_are_sorted_and_without_tests_and_tfmtl():
    files = pydocs.installed_files()
    names = [file.name for file in files]
    assert names == sorted(set(names))
    packages = {file.package for file in files}
    assert {pydocs.STANDARD_LIBRARY, "numpy", "pydantic"} <= packages
    assert not {"tfmtl", "numpy/tests"} & packages
    assert not any("/tests/" in name or "/_vendor/" in name for name in names)
    assert "json/decoder.py" in names
