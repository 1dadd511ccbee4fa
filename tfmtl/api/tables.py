"""Tables in memory: DataFrames, dicts of columns, lists of dicts and Hugging Face datasets, as plain columns."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfmtl.core.errors import DataError
from tfmtl.core.values import plain

Columns = dict[str, list[Any]]
"""The values of each field, one per row, in the types of JSON; `None` for a missing value."""

_EXPECTED = "a DataFrame, a dict of columns, a list of dicts or a Hugging Face Dataset"


def is_table(value: Any) -> bool:
    """Returns whether a value is a table of one of the known forms."""
    if _is_frame(value) or _is_dataset(value):
        return True
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and is_column(column) for name, column in value.items())
    return isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value)


def columns_of(table: Any, what: str) -> Columns:
    """Returns the columns of a table.

    Args:
        table: a DataFrame, a dict of columns, a list of dicts or a Hugging Face `Dataset`.
        what: the name of the table in messages.

    Raises:
        DataError: if it is none of these, two columns have the same name, or the columns differ in length.
    """
    if _is_frame(table):
        _require_different(map(str, table.columns), what)
        columns = {str(name): table[name].tolist() for name in table.columns}
    elif _is_dataset(table):
        columns = {name: list(table[name]) for name in table.column_names}
    elif isinstance(table, Mapping) and is_table(table):
        columns = {name: list(column) for name, column in table.items()}
    elif is_table(table):
        names = dict.fromkeys(name for row in table for name in row)
        _require_different(map(str, names), what)
        columns = {str(name): [row.get(name) for row in table] for name in names}
    else:
        raise DataError(f"{what}: expected {_EXPECTED}, found {_shown(table)}")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"'{name}' {length}" for name, length in lengths.items())
        raise DataError(f"{what}: the columns differ in length: {listed}")
    return {name: [plain(value) for value in column] for name, column in columns.items()}


def _require_different(names: Iterable[str], what: str) -> None:
    name, count = next(iter(Counter(names).most_common(1)), ("", 0))
    if count > 1:
        raise DataError(f"{what}: {count} columns are named '{name}'; rename or drop all but one")


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "iloc")


def _is_dataset(value: Any) -> bool:
    return hasattr(value, "column_names") and hasattr(value, "features")


def is_column(value: Any) -> bool:
    """Returns whether a value can be the column of a dict of columns."""
    is_sequence = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)
    return (is_sequence or hasattr(value, "tolist")) and not is_rows(value) and not _is_frame(value)


def is_rows(value: Any) -> bool:
    """Returns whether a value is a list of dicts, of which there is at least one."""
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(row, Mapping) for row in value)


def _shown(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Mapping):
        first = next(iter(value.items()), None)
        return f"a mapping of {str(first)[:60]}" if first else "an empty mapping"
    return f"{type(value).__name__} {str(value)[:60]!r}"
