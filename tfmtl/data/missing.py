"""Texts that stand for a missing value."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from tfmtl.data.rows import Rows

PANDAS_MISSING = (
    *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"),
    *("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""What pandas takes as missing when it reads a table of text; an empty field is missing as well."""

_SHOWN = 5

_logger = logging.getLogger("tfmtl")


def without_missing(splits: Mapping[str, Rows], missing: Collection[str], source: str) -> dict[str, Rows]:
    """Returns the rows of each split with `None` for texts that stand for a missing value, and says which ones did.

    Args:
        splits: the rows, by the name of the split.
        missing: the texts that stand for a missing value; white space around them does not count.
        source: the name of the source, for the message.
    """
    if not missing:
        return dict(splits)
    texts, found = frozenset(missing), Counter()
    kept = {split: without(rows, texts, found) for split, rows in splits.items()}
    say_missing(found, source)
    return kept


def say_missing(found: Counter, source: str) -> None:
    """Says which texts of a source were taken as missing, given how often, by field and text."""
    if found:
        shown = ", ".join(f"{text!r} in '{field}' ({count})" for (field, text), count in found.most_common(_SHOWN))
        more = ", ..." if len(found) > _SHOWN else ""
        _logger.info("source '%s': taken as missing: %s%s; 'missing: []' keeps them", source, shown, more)


def without(rows: Rows, missing: Collection[str], found: Counter) -> Rows:
    """Returns rows with `None` for texts that stand for a missing value, and counts these in `found`."""
    columns = {}
    for field, values in rows.columns.items():
        columns[field] = [None if stands_for_missing(value, missing) else value for value in values]
        pairs = zip(values, columns[field], strict=True)
        found.update((field, value.strip()) for value, kept in pairs if kept is None and value is not None)
    return Rows(columns, rows.place)


def stands_for_missing(value: Any, missing: Collection[str]) -> bool:
    """Returns whether a value is a text that stands for a missing one; white space around it does not count."""
    return isinstance(value, str) and value.strip() in missing
