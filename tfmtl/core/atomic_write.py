"""Files and folders that are there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfmtl.core.errors import RunError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a hidden name beside `path` to write a file or a folder under; it becomes `path` once the block has ended.

    A file that stood there is replaced; a block that raises leaves it as it was, and nothing else behind. What a killed
    process leaves is `.<stem>.<process><suffix>`.

    Args:
        path: what is to be there; the folder that holds it is made where it does not exist.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: some formats are told by it.
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)


def check_place(path: str | Path) -> None:
    """Checks that a file or folder can be made at a place: told before hours of work, not after.

    Raises:
        RunError: where a file stands in the place of a folder above it, or that may not be written to.
    """
    there = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if not there.is_dir():
        raise RunError(f"{path}: '{there}' is a file, not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"{path}: '{there}' may not be written to")


def check_folder(path: str | Path) -> None:
    """Checks as `check_place`, and that no file stands there already."""
    if Path(path).exists() and not Path(path).is_dir():
        raise RunError(f"{path}: this is a file, not a folder")
    check_place(path)
