"""Rows as a source delivers them: some columns of a split, and the place of each row."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any


@dataclass(frozen=True)
class Rows:
    """The requested columns of a split.

    Attributes:
        columns: the values of each field, one per row: a string, a list of strings, a number, or `None` if missing.
        place: a function from a row's index to its place for error messages, e.g. `"train.tsv:17"`.
    """

    columns: dict[str, list[Any]]
    place: Callable[[int], str]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def take(self, indices: Iterable[int]) -> "Rows":
        """Returns the rows at `indices`, in that order; each row keeps its place."""
        indices = list(indices)
        columns = {field: [values[index] for index in indices] for field, values in self.columns.items()}
        return Rows(columns, lambda row: self.place(indices[row]))


def joined(parts: Sequence[Rows]) -> Rows:
    """Returns the rows of several parts with the same columns, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    columns = {field: [value for part in parts for value in part.columns[field]] for field in parts[0].columns}
    starts = [0, *accumulate(len(part) for part in parts)]

    def place(row: int) -> str:
        part = bisect_right(starts, row) - 1
        return parts[part].place(row - starts[part])

    return Rows(columns, place)
