"""Files and folders that are either complete or absent."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfmtl.core.errors import RunError


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a hidden path beside `path` for the block to write; it is renamed to `path` when the block ends.

    An existing file is replaced. If the block raises, the existing file is kept and nothing else is left behind. A
    process that is killed leaves `.<stem>.<process><suffix>`.

    Args:
        path: the file or folder to write; its parent folder is created if it does not exist.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last, because some formats are recognised by it.
    aside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    except OSError as error:
        if error.filename == str(aside):
            error.filename = str(path)
        raise
    finally:
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)


def check_place(path: str | Path) -> None:
    """Checks that a file or folder can be created at `path`, so that a problem is reported before hours of work.

    Raises:
        RunError: if one of its parents is a file, or if the nearest existing parent is not writable.
    """
    there = next(parent for parent in Path(path).absolute().parents if parent.exists())
    if not there.is_dir():
        raise RunError(f"{path}: '{there}' is a file, not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"{path}: '{there}' may not be written to")


def check_folder(path: str | Path) -> None:
    """Does the checks of `check_place`, and also checks that `path` itself is not a file."""
    if Path(path).exists() and not Path(path).is_dir():
        raise RunError(f"{path}: this is a file, not a folder")
    check_place(path)
