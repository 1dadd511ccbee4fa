"""The text of a row, from the values of one field or of several."""

from collections.abc import Mapping
from typing import Any

from tfmtl.core.errors import DataError
from tfmtl.core.values import as_written, is_absent


def text_of_fields(values: Mapping[str, Any], place: str) -> str:
    """Returns the text in the fields of a row.

    The texts of several fields are joined by line breaks; those that are missing are left out.

    Args:
        values: the value of each field, by its name: a text, a list of sentences, a number, or `None` if missing.
        place: the place of the row for error messages.

    Raises:
        DataError: if a value is no text.
    """
    texts = [_text(value, field, place) for field, value in values.items()]
    return texts[0] if len(texts) == 1 else "\n".join(text for text in texts if not is_absent(text))


def _text(value: Any, field: str, place: str) -> str:
    """Returns a value as a text; the sentences of a list are joined by spaces."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(sentence, str) for sentence in value):
        return " ".join(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return as_written(value)
    if not isinstance(value, str):
        raise DataError(f"{place}: '{field}' is not a text: {str(value)[:60]}")
    return value
