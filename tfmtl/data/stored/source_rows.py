"""The rows of a split that is read from its files anew whenever they are asked for, some thousands at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from tfmtl.data.missing import without
from tfmtl.data.rows import Rows
from tfmtl.data.sources.files import FileSource


class SourceRows:
    """Has the attributes of `Rows`, but columns can only be iterated over.

    Args:
        source: the source.
        split: the name of one of its own splits.
        fields: the names of the columns.
    """

    def __init__(self, source: FileSource, split: str, fields: Sequence[str]):
        self._source, self._split, self._fields = source, split, list(fields)
        self.columns = {field: _SourceColumn(self, field) for field in fields}

    def __len__(self) -> int:
        return self._rows

    def place(self, row: int) -> str:
        """Returns the place of a row for error messages, which takes another pass over the files."""
        for chunk in self.chunks():
            if row < len(chunk):
                return chunk.place(row)
            row -= len(chunk)
        raise IndexError(row)

    def chunks(self, found: Counter | None = None) -> Iterator[Rows]:
        """Yields the rows without texts that stand for a missing value, and counts these in `found`."""
        missing, found = frozenset(self._source.options.missing), Counter() if found is None else found
        for chunk in self._source.chunks(self._split, self._fields):
            yield without(chunk, missing, found) if missing else chunk

    @cached_property
    def _rows(self) -> int:
        return sum(len(chunk) for chunk in self._source.chunks(self._split, self._fields))


class _SourceColumn:
    def __init__(self, rows: SourceRows, field: str):
        self._of, self._field = rows, field

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[Any]:
        for chunk in self._of.chunks():
            yield from chunk.columns[self._field]
