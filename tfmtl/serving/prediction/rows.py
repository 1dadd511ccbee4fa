"""Rows to predict, which are read from files, and their answers, which are written as JSON lines."""

import contextlib
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TextIO

from tfmtl.core.atomic_write import atomic_write, check_place, is_special
from tfmtl.core.errors import DataError, missing_file, nearest, quoted
from tfmtl.core.values import is_absent, is_list_of_texts, value_of
from tfmtl.data.json_text import parse_json
from tfmtl.data.missing import PANDAS_MISSING, stands_for_missing
from tfmtl.data.sources.delimited import Dialect, delimited_records, dialect_of_header, require_length
from tfmtl.data.sources.files import decoded_lines, numbered_lines
from tfmtl.data.sources.source import check_single
from tfmtl.data.texts import text_of_fields
from tfmtl.serving.prediction.fields import DOCUMENTED, Reading, TextFields

OnError = Literal["stop", "report"]
"""What happens at a row that cannot be answered: an error ends all, or the row has an error in place of answers."""


@dataclass(frozen=True)
class Row:
    """A text that tasks are asked about.

    Attributes:
        text: the text, which may be empty.
        text_pair: the second text; `None` if there is none.
        place: the place of the row for error messages, such as `"texts.jsonl:3"`.
        carried: what its answer repeats, such as an id, by name.
        error: why it cannot be answered; `None` if it can.
        parts: the parts of the last text, if it was given as a list, such as words; `None` if it was given as a whole.
    """

    text: str
    text_pair: str | None = None
    place: str = "the text"
    carried: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    parts: tuple[str, ...] | None = None

    @classmethod
    def parse(cls, value: Any, place: str, fields: TextFields = DOCUMENTED, carried: str | None = None) -> Self:
        """Returns the row that a mapping from fields to values describes.

        Args:
            value: the mapping; fields other than those of the text and its pair are ignored.
            place: the place of the row for error messages.
            fields: the fields that may hold the text and its pair.
            carried: the field that the answer repeats.

        Raises:
            DataError: if it is not a mapping, its text is missing or not there, so is what is to be repeated, or one of
                the texts is no text.
        """
        if not isinstance(value, Mapping):
            raise DataError(f"{place}: expected an object with a 'text', found {json.dumps(value)[:60]}")
        first, second = fields.among(value, place)
        missing = fields.stands_for_missing(first, PANDAS_MISSING if isinstance(value, Cells) else ())
        text, pair = (_text(value, reading, missing, place) if reading else None for reading in (first, second))
        if text is None:
            raise DataError(f"{place}: {_why_missing(value, first)}")
        if carried is not None and carried not in value:
            raise DataError(f"{place}: there is no '{carried}'; {nearest(carried, value)}")
        repeated = {} if carried is None else {carried: value[carried]}
        return cls(text, pair, place, repeated, parts=_parts(value, second or first))


def _text(row: Mapping[str, Any], reading: Reading, missing: Collection[str], place: str) -> str | None:
    """Returns the text in the fields of a row; `None` if all of them are missing."""
    values = {field: value_of(row, field)[1] for field in reading}
    kept = {field: None if stands_for_missing(value, missing) else value for field, value in values.items()}
    # A cell cannot tell an empty text from a missing one.
    is_missing = is_absent if isinstance(row, Cells) else (lambda value: value is None)
    return None if all(map(is_missing, kept.values())) else text_of_fields(kept, place)


def _why_missing(row: Mapping[str, Any], reading: Reading) -> str:
    """Returns the phrase that says that the text in some fields is missing, and how."""
    values, are = [value_of(row, field)[1] for field in reading], "is" if len(reading) == 1 else "are"
    stated = next((value.strip() for value in values if not is_absent(value)), None)
    if stated is not None:
        return f"{quoted(reading)} {are} missing: {stated!r} stands for a missing value, as in training"
    return f"{quoted(reading)} {are} " + ("empty" if isinstance(row, Cells) else "not a text: null")


def _parts(row: Mapping[str, Any], reading: Reading) -> tuple[str, ...] | None:
    """Returns the parts of a text that is a list in a single field; `None` if it is not."""
    value = value_of(row, reading[0])[1]
    return tuple(value) if len(reading) == 1 and is_list_of_texts(value) else None


class Cells(dict[str, str]):
    """The cells of a row of a table in a file by their column, where an empty cell means that there is no value."""


Record = tuple[str, Any]
"""The place of a row of a file, and what the file contains there; an error if that is no row."""


def read_records(path: str | Path, encoding_errors: str = "strict") -> Iterator[Record]:
    """Returns the rows of a file as they are read; blank lines are skipped.

    A file whose name ends in `.csv` or `.tsv` has a header and is read as by the source format of this name, and so is
    one that ends in `.parquet`; every other file has one JSON object per line. A further `.gz` means that it is zipped.

    Args:
        path: the path of the file; `-` is the standard input, with JSON lines.
        encoding_errors: `replace` reads bytes that are not UTF-8 as U+FFFD, `strict` raises an error for them.

    Raises:
        DataError: at once if there is no such file; if it cannot be read on, when this is reached.
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
    if suffix == ".parquet":
        return _of_parquet(path)
    if suffix in _DIALECTS:
        dialect = dialect_of_header(path, _DIALECTS[suffix], encoding_errors)
        return _named_cells(path, delimited_records(path, dialect, encoding_errors))
    return _objects(numbered_lines(path, encoding_errors), str(path))


_DIALECTS = {".csv": Dialect(",", quoting=True), ".tsv": Dialect("\t", quoting=False)}
"""How fields stand in the lines of files, by the end of their names."""


def rows_of(
    records: Iterable[Record], fields: TextFields = DOCUMENTED, carried: str | None = None, on_error: OnError = "stop"
) -> Iterator[Row]:
    """Yields the row of each record, as they are read.

    Args:
        records: the records.
        fields: the fields that may hold the text and its pair.
        carried: the field that the answers repeat.
        on_error: `stop` raises the error of a record that is no row, `report` makes it a row with an error.

    Raises:
        DataError: for a record that is no row, when it is reached, if `on_error` is `stop`.
    """
    for place, value in records:
        try:
            if isinstance(value, DataError):
                raise value
            yield Row.parse(value, place, fields, carried)
        except DataError as error:
            if on_error == "stop":
                raise
            yield Row("", place=place, carried=_carried(value, carried), error=str(error))


def _carried(value: Any, name: str | None) -> dict[str, Any]:
    """Returns what the answer to a row that cannot be read repeats, if that can be read."""
    if not isinstance(value, Mapping) or name not in value:
        return {}
    with contextlib.suppress(DataError):
        return {name: value[name]}
    return {}


def _objects(lines: Iterable[tuple[int, str]], source: str) -> Iterator[Record]:
    for number, line in lines:
        if line.strip():
            yield f"{source}:{number}", _value_or_error(parse_json, line, source, number)


def _value_or_error(read: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except DataError as error:
        return error


def _of_parquet(path: Path) -> Iterator[Record]:
    # Reading other files need not wait for Arrow.
    from tfmtl.data.arrow_values import ArrowRow
    from tfmtl.data.sources.parquet import batches_of

    number = 0
    for batch in batches_of(path, _READ_AT_ONCE, lambda names: check_single(names, names, str(path))):
        for row in range(len(batch)):
            number += 1
            place = f"{path}: row {number}"
            yield place, ArrowRow(batch, row, place)


_READ_AT_ONCE = 1024


def _named_cells(path: Path, records: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
    """Yields the cells of each row by the names of the header."""
    _, names = next(records, (0, None))
    if names is None:
        raise DataError(f"{path}: the file is empty")
    check_single(names, names, str(path))

    def named(number: int, cells: list[str]) -> Cells:
        require_length(path, number, cells, names)
        return Cells(zip(names, cells, strict=True))

    for number, cells in records:
        yield f"{path}:{number}", _value_or_error(named, number, cells)


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
    check_place(path)
    with contextlib.ExitStack() as stack:
        try:
            # What reads from a pipe gets each line as soon as it is known.
            written = path if is_special(path) else stack.enter_context(atomic_write(path))
            file = stack.enter_context(open(written, "w", encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be written: {error.strerror}") from None
        yield file
