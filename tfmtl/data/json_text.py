"""Parses JSON from files, with errors that name the line."""

import json
from typing import Any

from tfmtl.core.errors import DataError


def parse_json(text: str, source: str, first_line: int = 1) -> Any:
    """Returns the value of a JSON text; `NaN`, which other writers of JSON use for it, is a missing value.

    Args:
        text: the JSON text, one line or several.
        source: the name of the file, for error messages.
        first_line: the line number of the text's first line in the file.

    Raises:
        DataError: if the text is not JSON, or is nested too deeply, or contains a number with too many digits.
    """
    try:
        return json.loads(text, parse_constant=lambda name: None if name == "NaN" else float(name))
    except json.JSONDecodeError as error:
        line, reason = first_line + error.lineno - 1, f"{error.msg} at column {error.colno}"
    except RecursionError:
        line, reason = first_line, "nested too deeply"
    except ValueError:
        line, reason = first_line, "a number has more digits than can be read"
    raise DataError(f"{source}:{line}: not JSON: {reason}")
