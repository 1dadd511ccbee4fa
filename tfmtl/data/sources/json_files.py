"""JSON files with one object per line, or with a single list of objects."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from tfmtl.core.errors import DataError
from tfmtl.core.registry import SOURCES
from tfmtl.core.values import value_of
from tfmtl.data.json_text import parse_json
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import CHUNK, FileOptions, FileSource, numbered_lines, rows_of
from tfmtl.data.sources.source import require_fields

_ESCAPE = re.compile(r"\\ud[89a-f]", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


@SOURCES.register("jsonl", options=FileOptions)
class JsonLinesSource(FileSource):
    """Files with one JSON object per line; also `.gz`."""

    endings = (".jsonl", ".ndjson")

    def file_chunks(self, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        lines = numbered_lines(path, self.options.encoding_errors, self.options.encoding)
        filled = ((number, line) for number, line in lines if line.strip())
        known: dict[str, None] = {}
        items = 0
        while chunk := list(islice(filled, CHUNK)):
            objects = [_parsed(line, path, number, self.options.encoding_errors) for number, line in chunk]
            yield rows_of(path, _columns(objects, fields, path, known, items), [number for number, _ in chunk])
            items += len(chunk)
        if known:
            require_fields(fields, known, str(path))


@SOURCES.register("json", options=FileOptions)
class JsonSource(FileSource):
    """Files with one JSON list of objects, either alone or as the only list in an object; also `.gz`."""

    endings = (".json",)

    def file_chunks(self, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        options = self.options
        text = "\n".join(line for _, line in numbered_lines(path, options.encoding_errors, options.encoding))
        if not text.strip():
            raise DataError(f"{path}: the file is empty")
        objects = _only_list(_parsed(text, path, 1, self.options.encoding_errors), path)
        known: dict[str, None] = {}
        yield Rows(_columns(objects, fields, path, known), lambda row: f"{path}: item {row + 1}")
        if known:
            require_fields(fields, known, str(path))


def _parsed(text: str, path: Path, first_line: int, encoding_errors: str) -> Any:
    found = parse_json(text, str(path), first_line)
    return _without_surrogates(found, f"{path}:{first_line}", encoding_errors) if _ESCAPE.search(text) else found


def _without_surrogates(found: Any, place: str, encoding_errors: str) -> Any:
    """Replaces halves of surrogate pairs, which JSON can escape although they are not characters and have no UTF-8."""
    text, halves = _SURROGATE.subn("\ufffd", json.dumps(found, ensure_ascii=False))
    if halves and encoding_errors == "strict":
        raise DataError(f"{place}: half of a surrogate pair is escaped; 'encoding_errors: replace' reads it")
    return parse_json(text, place)


def _only_list(document: Any, path: Path) -> list:
    lists = [document] if isinstance(document, list) else []
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
    if len(lists) != 1:
        raise DataError(f"{path}: expected a list of objects, or an object with one, found {len(lists)} lists")
    return lists[0]


def _columns(
    objects: Iterable[Any], fields: Sequence[str], path: Path, known: dict[str, None], first: int = 0
) -> dict[str, list]:
    """Returns the values of each field, and adds the names in the objects to `known`.

    Args:
        objects: the objects.
        fields: the names of the fields.
        path: the path of their file.
        known: the names that have been found in the file.
        first: the number of objects before them in the file.
    """
    columns: dict[str, list] = {field: [] for field in fields}
    for number, found in enumerate(objects, start=first + 1):
        if not isinstance(found, dict):
            raise DataError(f"{path}: item {number} is not an object of names and values: {json.dumps(found)[:40]}")
        known.update(dict.fromkeys(found))
        for field, values in columns.items():
            present, value = value_of(found, field)
            values.append(value)
            if present:
                known[field] = None
    return columns
