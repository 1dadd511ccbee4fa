"""JSON that is read from files, with errors that name the line."""

import json
from typing import Any

from tfmtl.core.errors import DataError


def parse_json(text: str, source: str, first_line: int = 1) -> Any:
    """Returns what a JSON text describes.

    Args:
        text: of one line or several.
        source: the file, for error messages.
        first_line: the number that the text's first line has in the file.

    Raises:
        DataError: where it is no JSON, or not one that can be read.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line, reason = first_line + error.lineno - 1, f"{error.msg} at column {error.colno}"
    except RecursionError:
        line, reason = first_line, "nested too deeply"
    except ValueError:
        line, reason = first_line, "a number has more digits than can be read"
    raise DataError(f"{source}:{line}: not JSON: {reason}")
