"""Values of Arrow's columns, of which some have no counterpart in Python."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow

from tfmtl.core.errors import DataError, reason_of
from tfmtl.core.values import plain

Column = pyarrow.Array | pyarrow.ChunkedArray


def check_offsets(column: Column, name: str, place: str) -> None:
    """Checks that a column that is mapped from a file leads nowhere else, before any of it is converted.

    Raises:
        DataError: if it does.
    """
    try:
        column.validate(full=True)
    except pyarrow.ArrowException as error:
        # Offsets are checked first, and the conversion says in which row a text is none.
        if "UTF8" in str(error) and not pyarrow.types.is_nested(column.type):
            return
        raise DataError(f"{place}: column '{name}': damaged: {reason_of(error)}") from None


def values_of(column: Column, name: str, place: Callable[[int], str]) -> list[Any]:
    """Returns the values of a column in the types of JSON.

    Args:
        column: the column.
        name: its name, for the error.
        place: the place of each of its rows, for the error.

    Raises:
        DataError: if the value of a row is damaged, or is none in Python, such as invalid UTF-8 or a date after the
            year 9999; names the first such row.
    """
    # All errors count: each type of Arrow has others.
    try:
        return _converted(column)
    except Exception:
        row = _first_unreadable(column)
    try:
        return _converted(column.slice(row, 1))
    except Exception as error:
        reason = "invalid UTF-8" if isinstance(error, UnicodeDecodeError) else reason_of(error)
        raise DataError(f"{place(row)}: column '{name}': not a value that can be read: {reason}") from None


def _converted(column: Column) -> list[Any]:
    return [plain(value) for value in column.to_pylist()]


def _first_unreadable(column: Column) -> int:
    """Returns the first row of a column that cannot be converted, of which there is one."""
    start, stop = 0, len(column)
    while stop - start > 1:
        middle = (start + stop) // 2
        try:
            _converted(column.slice(start, middle - start))
            start = middle
        except Exception:
            stop = middle
    return start


class ArrowRow(Mapping[str, Any]):
    """A row of a batch, whose values are converted when they are asked for; the others need not be readable.

    Args:
        batch: the batch.
        row: the index of the row in it.
        place: the place of the row, for errors.
    """

    def __init__(self, batch: pyarrow.RecordBatch, row: int, place: str):
        self._batch, self._row, self._place = batch, row, place

    def __getitem__(self, name: str) -> Any:
        index = self._batch.schema.get_field_index(name)
        if index < 0:
            raise KeyError(name)
        return values_of(self._batch.column(index).slice(self._row, 1), name, lambda _: self._place)[0]

    def __contains__(self, name: object) -> bool:
        return name in self._batch.schema.names

    def __iter__(self) -> Iterator[str]:
        return iter(self._batch.schema.names)

    def __len__(self) -> int:
        return self._batch.num_columns
