"""Rows to predict, which are read from files, and their answers, which are written as JSON lines."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from tfmtl.core.atomic_write import atomic_write, check_place
from tfmtl.core.errors import DataError, missing_file
from tfmtl.data.json_text import parse_json
from tfmtl.data.sources.delimited import Dialect, delimited_records, require_length
from tfmtl.data.sources.files import decoded_lines, numbered_lines
from tfmtl.serving.prediction.fields import DOCUMENTED, TextFields


@dataclass(frozen=True)
class Row:
    """A text that tasks are asked about.

    Attributes:
        text: the text, which may be empty.
        text_pair: the second text; `None` if there is none.
        place: the place of the row for error messages, such as `"texts.jsonl:3"`.
    """

    text: str
    text_pair: str | None = None
    place: str = "the text"

    @classmethod
    def parse(cls, value: Any, place: str, fields: TextFields = DOCUMENTED) -> Self:
        """Returns the row that a mapping from fields to values describes.

        Args:
            value: the mapping; fields other than those of the text and its pair are ignored.
            place: the place of the row for error messages.
            fields: the fields that may hold the text and its pair.

        Raises:
            DataError: if it is not a mapping, has no text, or one of the two is not a string.
        """
        if not isinstance(value, Mapping):
            raise DataError(f"{place}: expected an object with a 'text', found {json.dumps(value)[:60]}")
        first, second = fields.among(value, place)
        text, pair = value[first], value[second] if second else None
        if isinstance(value, Cells):
            pair = pair or None
        for key, found in {first: text, **({} if pair is None else {second: pair})}.items():
            if not isinstance(found, str):
                raise DataError(f"{place}: '{key}' is not a text: {json.dumps(found)[:60]}")
        return cls(text, pair, place)


class Cells(dict[str, str]):
    """The cells of a row of a table in a file by their column, where an empty cell means that there is no pair."""


Record = tuple[str, Any]
"""The place of a row of a file, and what the file contains there."""


def read_records(path: str | Path, encoding_errors: str = "strict") -> Iterator[Record]:
    """Returns the rows of a file as they are read; blank lines are skipped.

    A file whose name ends in `.csv` or `.tsv` has a header and is read as by the source format of this name; every
    other file has one JSON object per line. A further `.gz` means that it is zipped.

    Args:
        path: the path of the file; `-` is the standard input, with JSON lines.
        encoding_errors: `replace` reads bytes that are not UTF-8 as U+FFFD, `strict` raises an error for them.

    Raises:
        DataError: at once if there is no such file; for an invalid line when it is reached, with file and line.
    """
    if str(path) == "-":
        place = "standard input"
        # A separate buffer: a thread that waits for more of `sys.stdin` would keep Python from exiting.
        return _objects(decoded_lines(open(sys.stdin.fileno(), "rb", closefd=False), place, encoding_errors), place)
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not a file of rows")
    if not path.exists():
        raise DataError(missing_file(path))
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix in _DIALECTS:
        return _named_cells(path, delimited_records(path, _DIALECTS[suffix], encoding_errors))
    return _objects(numbered_lines(path, encoding_errors), str(path))


_DIALECTS = {".csv": Dialect(",", quoting=True), ".tsv": Dialect("\t", quoting=False)}
"""How fields stand in the lines of files, by the end of their names."""


def rows_of(records: Iterable[Record], fields: TextFields = DOCUMENTED) -> Iterator[Row]:
    """Yields the row of each record, as they are read.

    Raises:
        DataError: for a record that is no row, when it is reached.
    """
    for place, value in records:
        yield Row.parse(value, place, fields)


def _objects(lines: Iterable[tuple[int, str]], source: str) -> Iterator[Record]:
    for number, line in lines:
        if line.strip():
            yield f"{source}:{number}", parse_json(line, source, number)


def _named_cells(path: Path, records: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
    """Yields the cells of each row by the names of the header."""
    _, names = next(records, (0, None))
    if names is None:
        raise DataError(f"{path}: the file is empty")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are named '{twice}'")
    for number, cells in records:
        require_length(path, number, cells, names)
        yield f"{path}:{number}", Cells(zip(names, cells, strict=True))


def write_jsonl(rows: Iterable[Mapping[str, Any]], path: Path | None = None) -> None:
    """Writes one JSON object per line, in order.

    A file is written completely or not at all: if an error ends the rows, an earlier file stays as it was. The standard
    output, and anything that is not a regular file, such as a pipe, gets each line as soon as it is known.

    Args:
        rows: JSON objects.
        path: the path of the file; `None` or `-` means the standard output.

    Raises:
        RunError: if there is a file in the place of its folder; raised before the first row is read.
        DataError: if the file cannot be created; likewise.
    """
    with _opened(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            if file is sys.stdout:
                file.flush()


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    if path is None or str(path) == "-":
        yield sys.stdout
        return
    target = Path(path).resolve()
    check_place(target)
    with contextlib.ExitStack() as stack:
        try:
            is_replaced = target.is_file() or not target.exists()
            written = stack.enter_context(atomic_write(target)) if is_replaced else target
            file = stack.enter_context(open(written, "w", encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}") from None
        yield file
