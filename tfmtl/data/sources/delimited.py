"""Tables in text files: TSV and CSV."""

import csv
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from tfmtl.core.errors import DataError, nearest
from tfmtl.core.registry import SOURCES
from tfmtl.data.missing import PANDAS_MISSING
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import FileOptions, FileSource, numbered_lines, rows_of
from tfmtl.data.sources.source import require_fields


class DelimitedOptions(FileOptions):
    """The layout of TSV and CSV files.

    Attributes:
        header: whether the first line of a file names the columns; one value, or a value for each split.
        columns: the names of the columns; required without a header, and used instead of the names in a header.
        delimiter: the character between two fields.
        quoting: whether a field in double quotes can contain delimiters, line ends and doubled quotes.
        missing: the texts that stand for a missing value; by default those of pandas, such as `NA`, `nan` and `None`.
    """

    header: bool | dict[str, bool] = True
    columns: tuple[str, ...] | None = None
    delimiter: str = Field("\t", min_length=1, max_length=1)
    quoting: bool = False
    missing: tuple[str, ...] = PANDAS_MISSING

    @model_validator(mode="after")
    def _columns_are_named(self) -> Self:
        if isinstance(self.header, dict):
            for split in set(self.header) - set(self.paths):
                raise ValueError(f"'header' names the split '{split}'; {nearest(split, self.paths)}")
        if self.columns is None and not all(map(self.has_header, self.paths)):
            raise ValueError("without a header the key 'columns' is required, such as [label, text]")
        return self

    def has_header(self, split: str) -> bool:
        return self.header.get(split, True) if isinstance(self.header, dict) else self.header


class CsvOptions(DelimitedOptions):
    """The same options with the usual delimiter and quotes of CSV."""

    delimiter: str = Field(",", min_length=1, max_length=1)
    quoting: bool = True


class DelimitedSource(FileSource):
    """Files with one row per line and a delimiter between fields."""

    options: DelimitedOptions

    def read_file(self, path: Path, split: str, fields: Sequence[str]) -> Rows:
        records = self._records(path)
        names = self.options.columns
        if self.options.has_header(split):
            _, header = next(records, (0, None))
            if header is None:
                raise DataError(f"{path}: the file is empty")
            if header and header[0].lstrip().startswith('{"'):
                raise DataError(f"{path}: these are JSON lines; use 'format: jsonl'")
            names = names or header
        require_fields(fields, names, str(path))
        for field in fields:
            if Counter(names)[field] > 1:
                raise DataError(f"{path}: two columns are named '{field}'")
        return _collect(path, records, names, fields)

    def _records(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        options = self.options
        return delimited_records(path, options.delimiter, options.quoting, options.encoding_errors)


def delimited_records(
    path: Path, delimiter: str, quoting: bool, encoding_errors: str
) -> Iterator[tuple[int, list[str]]]:
    """Yields the fields of each row of a file that is not blank, with the number of its first line.

    Args:
        path: the path of the file.
        delimiter: the character between two fields.
        quoting: whether a field in double quotes can contain delimiters, line ends and doubled quotes.
        encoding_errors: `strict` or `replace`.
    """
    lines = numbered_lines(path, encoding_errors)
    if not quoting:
        return ((number, line.split(delimiter)) for number, line in lines if line)
    return _quoted_records(path, lines, delimiter)


def require_length(path: Path, number: int, record: Sequence[str], names: Sequence[str]) -> None:
    """Raises `DataError` if a row does not have one field for each name."""
    if len(record) != len(names):
        raise DataError(f"{path}:{number}: {len(record)} fields, expected {len(names)} ({', '.join(names)})")


def _quoted_records(path: Path, lines: Iterator[tuple[int, str]], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    reader = csv.reader((line + "\n" for _, line in lines), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for record in reader:
            if record:
                yield begin, record
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}:{begin}: not a row of quoted fields: {error}") from None


def _collect(path: Path, records: Iterator[tuple[int, list[str]]], names: Sequence[str], fields: Sequence[str]) -> Rows:
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


@SOURCES.register("csv", options=CsvOptions)
class CsvSource(DelimitedSource):
    """Files with commas between fields, quoted where needed; also `.gz`."""
