"""Files of runs, exports and caches, which may come from elsewhere: regular ones, of a size that they can have.

Reading a pipe or a device might never end, a file that claims gigabytes could fill the memory, and nested JSON exhausts
the stack.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from tfmtl.core.errors import RunError

MOST_BYTES = 64 * 1024**2
"""The maximum size of a description: a configuration, an evaluation, or whatever else is read as a whole."""


def check_regular_files(folder: str | Path) -> None:
    """Checks that all that is in a folder, and below, is a file or a folder that can be read.

    Raises:
        RunError: if something is not; names it.
    """

    def unreadable(error: OSError) -> None:
        raise RunError(f"{error.filename}: cannot be read: {error.strerror}") from None

    for parent, _, names in os.walk(folder, onerror=unreadable):
        for name in names:
            path = Path(parent, name)
            try:
                mode = path.stat().st_mode
            except OSError:
                # A link that leads nowhere: whoever needs it says that there is no such file.
                continue
            if not stat.S_ISREG(mode):
                raise RunError(f"{path}: neither a file nor a folder")
            if not os.access(path, os.R_OK):
                raise RunError(f"{path}: cannot be read: Permission denied")


def read_description(path: Path) -> bytes:
    """Returns the content of a file that is read as a whole.

    Raises:
        FileNotFoundError: if there is none.
        RunError: if it is no file, cannot be read, or is larger than any of its kind.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise RunError(f"{path}: not a file")
        if found.st_size > MOST_BYTES:
            raise RunError(f"{path}: damaged: it has {found.st_size} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from None


def read_json(path: Path, remedy: str = "") -> Any:
    """Returns the value of a JSON file.

    Args:
        path: the file.
        remedy: what to do if it is damaged.

    Raises:
        FileNotFoundError: if there is none.
        RunError: as in `read_description`, or if it is not JSON.
    """
    content = read_description(path)
    try:
        return parsed_json(content)
    except ValueError as error:
        found = f"; {remedy}" if remedy else f": {' '.join(str(error).split())}"
        raise RunError(f"{path}: damaged{found}") from None


def parsed_json(content: bytes | str) -> Any:
    """Returns the value of JSON.

    Raises:
        ValueError: if it is none, is not UTF-8, or is nested too deeply.
    """
    try:
        return json.loads(content.decode("utf-8") if isinstance(content, bytes) else content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
