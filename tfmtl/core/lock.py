"""Folders that one process at a time writes to."""

import errno
import fcntl
import logging
import os
import shlex
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfmtl.core.atomic_write import is_partial, remove_partial
from tfmtl.core.errors import RunError

_logger = logging.getLogger("tfmtl")
LOCK_FILE = ".lock"
_LONGEST = 200


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Holds a folder, so that no other process writes to it, and removes what killed ones have left in it.

    The lock is the kernel's (`flock`) and ends with its process, however that ends. The file that carries it says which
    process it is; it is removed at the end, and so are the folder and those around it that were made for this, if
    nothing is in them.

    Args:
        folder: the folder; created if it does not exist.

    Raises:
        RunError: if another process holds it, or the folder cannot be written.
    """
    folder = Path(folder)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = _acquired(folder / LOCK_FILE)
    except OSError as error:
        lock = folder / LOCK_FILE
        # A folder, a pipe or a link in its place.
        named = lock if os.path.lexists(lock) and (lock.is_symlink() or not lock.is_file()) else folder
        raise RunError(f"{named}: cannot be written: {error.strerror}") from None
    try:
        try:
            remove_partial(folder)
            yield
        finally:
            # Removed while it is held: who opens it later sees that it is no longer the one in the folder.
            (folder / LOCK_FILE).unlink(missing_ok=True)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            for each in made:
                each.rmdir()


def contents(folder: Path) -> list[Path]:
    """Returns what is in a folder, without its lock and what a killed process has left."""
    return [path for path in folder.iterdir() if path.name != LOCK_FILE and not is_partial(path)]


def _acquired(path: Path) -> int:
    """Returns the descriptor of the locked file at `path`."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a file", str(path))
            _lock(descriptor, path)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    _sign(descriptor, path)
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # The process that held it has just removed it.
        os.close(descriptor)


def _sign(descriptor: int, path: Path) -> None:
    """Writes which process holds a locked file; removes the file if that fails, as on a full disk."""
    command = shlex.join(sys.argv)[:_LONGEST]
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()} ({command})".encode(), 0)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = " ".join(os.pread(descriptor, 4 * _LONGEST, 0).decode("utf-8", "replace").split())
        raise RunError(
            f"{path.parent}: {holder or 'another process'} is writing to it; wait until that has ended"
        ) from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            raise
        _logger.warning("%s: this file system has no locks: take care that only one process writes to it", path.parent)
