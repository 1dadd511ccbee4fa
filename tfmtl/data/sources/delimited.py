"""Tables in text files: TSV and CSV."""

import contextlib
import csv
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from tfmtl.core.errors import DataError, nearest
from tfmtl.core.registry import SOURCES
from tfmtl.data.missing import PANDAS_MISSING
from tfmtl.data.rows import Rows, joined
from tfmtl.data.sources.files import CHUNK, FileOptions, FileSource, numbered_lines, rows_of
from tfmtl.data.sources.source import require_fields

DELIMITERS = (",", ";", "\t", "|")
"""What is tried where the delimiter is not configured and the default leads nowhere."""

_logger = logging.getLogger("tfmtl")


class DelimitedOptions(FileOptions):
    """The layout of TSV and CSV files.

    Attributes:
        header: whether the first line of a file names the columns; one value, or a value for each split.
        columns: the names of the columns; required without a header, and used instead of the names in a header.
        delimiter: the character between two fields; if absent, that of the format, or another if only that one leads to
            the columns.
        quoting: whether a field in double quotes can contain delimiters, line ends and doubled quotes; if absent, as in
            the format, or quotes if only these lead to rows of equal length.
        escape: the character before a quote or delimiter that belongs to the text, such as a backslash; none if absent.
        missing: the texts that stand for a missing value; by default those of pandas, such as `NA`, `nan` and `None`.
    """

    header: bool | dict[str, bool] = True
    columns: tuple[str, ...] | None = None
    usual: ClassVar[tuple[str, bool]] = ("\t", False)
    """The delimiter and the quoting of the format."""

    delimiter: str | None = Field(None, min_length=1, max_length=1)
    quoting: bool | None = None
    escape: str | None = Field(None, min_length=1, max_length=1)
    missing: tuple[str, ...] = PANDAS_MISSING

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        if isinstance(self.header, dict):
            for split in set(self.header) - set(self.paths):
                raise ValueError(f"'header' names the split '{split}'; {nearest(split, self.paths)}")
        if self.columns is None and not all(map(self.has_header, self.paths)):
            raise ValueError("without a header the key 'columns' is required, such as [label, text]")
        if self.escape and not self.dialects[0].quoting:
            raise ValueError("'escape' needs 'quoting: true'")
        return self

    def has_header(self, split: str) -> bool:
        return self.header.get(split, True) if isinstance(self.header, dict) else self.header

    @property
    def dialects(self) -> "list[Dialect]":
        """The configured dialect, and those that differ from it in what is not configured."""
        delimiter, quoting = self.usual
        delimiters = [self.delimiter] if self.delimiter else dict.fromkeys([delimiter, *DELIMITERS])
        # Quotes in a table that can be read without them belong to its texts.
        quotings = {None: [True] if quoting else [False, True]}.get(self.quoting, [self.quoting])
        return [Dialect(delimiter, quoting, self.escape) for delimiter in delimiters for quoting in quotings]


class CsvOptions(DelimitedOptions):
    """The same options with the usual delimiter and quotes of CSV."""

    usual = (",", True)


@dataclass(frozen=True)
class Dialect:
    """How fields stand in a line.

    Attributes:
        delimiter: the character between two fields.
        quoting: whether a field in double quotes can contain delimiters, line ends and doubled quotes.
        escape: the character before a quote or delimiter that belongs to the text.
    """

    delimiter: str
    quoting: bool
    escape: str | None = None

    def __str__(self) -> str:
        quotes = "quotes" if self.quoting else "no quotes"
        return f"{quotes} and the delimiter {self.delimiter!r}"


class DelimitedSource(FileSource):
    """Files with one row per line and a delimiter between fields."""

    options: DelimitedOptions

    def read_file(self, path: Path, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields` of one file of `split`.

        If it cannot be read in the configured dialect, those are tried that differ from it in what is not configured.
        """
        return self._tried(path, lambda dialect: joined(list(self._chunks_as(dialect, path, split, fields))))

    def file_chunks(self, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        """Yields the rows of one file; a first pass over the file finds the dialect in which all of it can be read."""
        if path not in self._dialects:

            def readable(dialect: Dialect) -> Dialect:
                for _ in self._chunks_as(dialect, path, split, fields):
                    pass
                return dialect

            self._dialects[path] = self._tried(path, readable)
        return self._chunks_as(self._dialects[path], path, split, fields)

    @cached_property
    def _dialects(self) -> "dict[Path, Dialect]":
        """The dialects of the files that have been read in chunks."""
        return {}

    def _tried(self, path: Path, read: "Callable[[Dialect], Any]") -> Any:
        """Returns what `read` returns for the first dialect in which it raises no error."""
        dialect, *others = self.options.dialects
        try:
            return read(dialect)
        except DataError as error:
            for other in others:
                with contextlib.suppress(DataError):
                    found = read(other)
                    _logger.info("%s: read with %s, since with %s it has no such rows", path, other, dialect)
                    return found
            raise error

    def _chunks_as(self, dialect: Dialect, path: Path, split: str, fields: Sequence[str]) -> Iterator[Rows]:
        """Yields the rows of one file; a single chunk without rows if the file has none."""
        options = self.options
        records = delimited_records(path, dialect, options.encoding_errors, options.encoding)
        names = options.columns
        if options.has_header(split):
            _, header = next(records, (0, None))
            if header is None:
                raise DataError(f"{path}: the file is empty")
            if header and header[0].lstrip().startswith('{"'):
                raise DataError(f"{path}: these are JSON lines; use 'format: jsonl'")
            names = names or header
        require_fields(fields, names, str(path))
        chunk = _collect(path, islice(records, CHUNK), names, fields)
        yield chunk
        while len(chunk) == CHUNK:
            chunk = _collect(path, islice(records, CHUNK), names, fields)
            yield chunk


def delimited_records(
    path: Path, dialect: Dialect, encoding_errors: str, encoding: str = "utf-8"
) -> Iterator[tuple[int, list[str]]]:
    """Yields the fields of each row of a file that is not blank, with the number of its first line.

    Args:
        path: the path of the file.
        dialect: how fields stand in a line.
        encoding_errors: `strict` or `replace`.
        encoding: the encoding of the file.
    """
    lines = _with_carriage_returns(numbered_lines(path, encoding_errors, encoding))
    if not dialect.quoting:
        return ((number, line.split(dialect.delimiter)) for number, line in lines if line)
    return _quoted_records(path, lines, dialect)


def dialect_of_header(path: Path, usual: Dialect, encoding_errors: str) -> Dialect:
    """Returns the dialect of a file's header, and says it if it is not the usual one.

    A header without the usual delimiter, but with another one, has that; one that begins and ends with a quote has
    quotes.
    """
    _, header = next(_with_carriage_returns(numbered_lines(path, encoding_errors)), (0, ""))
    others = (other for other in DELIMITERS if other in header)
    delimiter = usual.delimiter if usual.delimiter in header else next(others, usual.delimiter)
    is_quoted = len(header) > 1 and header.startswith('"') and header.endswith('"')
    found = Dialect(delimiter, usual.quoting or is_quoted)
    if found != usual:
        _logger.info("%s: read with %s", path, found)
    return found


def _with_carriage_returns(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yields the lines of a file; if it is a single one with carriage returns in it, these end its lines."""
    first, second = next(lines, None), next(lines, None)
    if first and not second and "\r" in first[1]:
        yield from enumerate(first[1].split("\r"), start=1)
        return
    yield from filter(None, (first, second))
    yield from lines


def require_length(path: Path, number: int, record: Sequence[str], names: Sequence[str]) -> None:
    """Raises `DataError` if a row does not have one field for each name."""
    if len(record) != len(names):
        raise DataError(f"{path}:{number}: {len(record)} fields, expected {len(names)} ({', '.join(names)})")


def _quoted_records(path: Path, lines: Iterator[tuple[int, str]], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    latest = ""

    def read() -> Iterator[str]:
        nonlocal latest
        for _, latest in lines:
            yield latest + "\n"

    reader = csv.reader(read(), delimiter=dialect.delimiter, escapechar=dialect.escape, strict=True)
    begin = 1
    try:
        for record in reader:
            if record:
                yield begin, record
            begin = reader.line_num + 1
    except csv.Error as error:
        hint = '; \'escape: "\\\\"\' reads \\" as a quote' if '\\"' in latest and not dialect.escape else ""
        raise DataError(f"{path}:{begin}: not a row of quoted fields: {error}{hint}") from None


def _collect(path: Path, records: Iterable[tuple[int, list[str]]], names: Sequence[str], fields: Sequence[str]) -> Rows:
    columns: dict[str, list] = {field: [] for field in fields}
    appends = [(columns[field].append, names.index(field)) for field in fields]
    lines = []
    for number, record in records:
        require_length(path, number, record, names)
        lines.append(number)
        for append, position in appends:
            append(record[position])
    return rows_of(path, columns, lines)


@SOURCES.register("tsv", options=DelimitedOptions)
class TsvSource(DelimitedSource):
    """Files with tabs between fields and no quotes; also `.gz`."""

    endings = (".tsv",)


@SOURCES.register("csv", options=CsvOptions)
class CsvSource(DelimitedSource):
    """Files with commas between fields, quoted where needed; also `.gz`."""

    endings = (".csv",)
