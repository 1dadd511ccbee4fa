"""Single values of the data: what is missing, and how numbers and booleans are written."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np


def as_written(value: bool | int | float | str) -> str:
    """Returns a value of the data as a text: a boolean as in JSON, a whole number without a fraction.

    A column of whole numbers becomes one of floats as soon as a value is missing, in pandas and in what is written from
    it, so that `1.0` and `1` must be the same label. A text is left as it is, since `"1.0"` may be a version.

    >>> as_written(True), as_written(1.0), as_written(1.5), as_written("1.0")
    ('true', '1', '1.5', '1.0')
    """
    return str(value).lower() if isinstance(value, bool) else str(without_fraction(value))


def one_way(text: str) -> str:
    """Returns the text of a whole number or a boolean in the way of `as_written`; any other text as it is.

    >>> one_way("1.0"), one_way("-0.00"), one_way("True"), one_way("1.5"), one_way("v1.0")
    ('1', '0', 'true', '1.5', 'v1.0')
    """
    if text.lower() in ("true", "false"):
        return text.lower()
    return str(without_fraction(float(text))) if _WITH_ZEROS.fullmatch(text) else text


def without_fraction(value: Any) -> Any:
    """Returns a whole number as an integer, as it was before a missing value made its column one of floats."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return int(value) if is_whole else value


_WITH_ZEROS = re.compile(r"-?\d+\.0+", re.ASCII)
_EXACT = 2.0**53
"""Below this, a float that has no fraction is the only whole number near it."""


def plain(value: Any) -> Any:
    """Returns a value in the types of JSON; `None` for values that pandas and NumPy regard as missing."""
    if isinstance(value, np.ndarray | list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    # NaN, NaT and pandas' NA are not equal to themselves.
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return None if value != value else without_fraction(value)
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


def value_of(row: Mapping[str, Any], field: str) -> tuple[bool, Any]:
    """Returns whether a row has a field, and its value; `a.b` also names the field `b` of the object `a`.

    >>> value_of({"a": {"b": 1}}, "a.b"), value_of({"a.b": 2}, "a.b"), value_of({"a": 3}, "a.b")
    ((True, 1), (True, 2), (False, None))
    """
    if field in row:
        return True, row[field]
    outer, _, inner = field.partition(".")
    below = row.get(outer) if inner else None
    return value_of(below, inner) if isinstance(below, Mapping) else (False, None)


def is_list_of_texts(value: Any) -> bool:
    """Returns whether a value is a text in parts, such as words or sentences, which are joined by spaces."""
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def is_absent(value: Any) -> bool:
    """Returns whether a value is missing, which means `None` or a string that is empty or all white space."""
    return value is None or (isinstance(value, str) and not value.strip())
