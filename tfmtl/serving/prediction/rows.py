"""Rows that are predicted: read from JSON lines, answers written as JSON lines."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

from tfmtl.core.atomic_write import atomic_write, check_place
from tfmtl.core.errors import DataError, missing_file, nearest
from tfmtl.data.json_text import parse_json
from tfmtl.data.sources.files import decoded_lines, numbered_lines


@dataclass(frozen=True)
class Row:
    """A text that tasks are asked about.

    Attributes:
        text: may be empty.
        text_pair: the second text; `None` where there is none.
        place: where the row stands, for error messages, such as `"texts.jsonl:3"`.
    """

    text: str
    text_pair: str | None = None
    place: str = "the text"

    @classmethod
    def parse(cls, value: Any, place: str) -> Self:
        """Returns the row that a JSON object describes; keys other than `text` and `text_pair` are left alone.

        Raises:
            DataError: where it is no object, has no `text`, or one of the two is no text.
        """
        if not isinstance(value, Mapping):
            raise DataError(f"{place}: expected an object with a 'text', found {json.dumps(value)[:60]}")
        if "text" not in value:
            raise DataError(f"{place}: there is no 'text'; {nearest('text', value)}")
        text, pair = value["text"], value.get("text_pair")
        for key, found in {"text": text, **({} if pair is None else {"text_pair": pair})}.items():
            if not isinstance(found, str):
                raise DataError(f"{place}: '{key}' is not a text: {json.dumps(found)[:60]}")
        return cls(text, pair, place)


def read_jsonl(path: str | Path, encoding_errors: str = "strict") -> Iterator[Row]:
    """Returns the rows of a file with a JSON object a line, as they are read; blank lines are passed over.

    Args:
        path: of the file, unzipped where its name ends in `.gz`; `-` is the standard input.
        encoding_errors: `replace` reads bytes that are not UTF-8 as U+FFFD, `strict` is an error.

    Raises:
        DataError: at once where there is no such file; at its turn, with file and line, for a row that is none.
    """
    if str(path) == "-":
        place = "standard input"
        # A buffer of its own: a thread that waits for more of `sys.stdin` would not let Python end.
        return _rows(decoded_lines(open(sys.stdin.fileno(), "rb", closefd=False), place, encoding_errors), place)
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: this is a folder, not a file of JSON lines")
    if not path.exists():
        raise DataError(missing_file(path))
    return _rows(numbered_lines(path, encoding_errors), str(path))


def _rows(lines: Iterable[tuple[int, str]], source: str) -> Iterator[Row]:
    for number, line in lines:
        if line.strip():
            yield Row.parse(parse_json(line, source, number), f"{source}:{number}")


def write_jsonl(rows: Iterable[Mapping[str, Any]], path: Path | None = None) -> None:
    """Writes a JSON object a line, in order.

    A file is there whole or not at all: where an error ends the rows, one that was there before stays as it was. The
    standard output, and what is no file such as a pipe, has each line as soon as it is known.

    Args:
        rows: JSON objects.
        path: of the file; the standard output where it is `None` or `-`.

    Raises:
        RunError: where a file stands in the place of its folder; before the first row is asked for.
        DataError: where the file cannot be made; likewise.
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
