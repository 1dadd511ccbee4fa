"""Files and folders that are either complete or absent, whatever ends the process that writes them."""

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tfmtl.core.errors import RunError

OF_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""The errors of writing, which the system tells without the name of the file."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yields a hidden path beside `path` for the block to write; it is renamed to `path` when the block ends.

    An existing file is replaced and its mode kept; of a symbolic link, it is the file that it leads to. What is no
    file, such as a device or a pipe, is written into. The content is on the disk before it gets its name. If the block
    raises, the existing file is kept and nothing else is left behind. A process that is killed leaves a hidden file,
    which the next one to write `path` removes, as `remove_partial` does.

    Args:
        path: the file or folder to write; its parent folder is created if it does not exist.

    Raises:
        OSError: if it cannot be written; it names `path`.
    """
    with _named(path, Path(path)):
        if is_special(Path(path)):
            with tempfile.TemporaryDirectory() as folder:
                aside = Path(folder) / Path(path).name
                with _named(path, aside):
                    yield aside
                    with open(aside, "rb") as content, open(path, "wb") as file:
                        shutil.copyfileobj(content, file)
            return
        target = _resolved(Path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(entry for entry in target.parent.iterdir() if _is_abandoned(entry, target))
        aside = _aside(target)
        try:
            with _named(path, aside):
                yield aside
                _keep_mode(aside, target)
                sync(aside)
                os.replace(aside, target)
                _sync(target.parent)
        finally:
            _remove([aside])


@contextmanager
def _named(path: str | Path, aside: Path) -> Iterator[None]:
    """Lets errors of writing `aside` name the path that the user knows."""
    try:
        yield
    except OSError as error:
        if error.filename == str(aside) or (error.filename is None and error.errno in OF_DISK):
            error.filename, error.filename2 = str(path), None
        raise


def is_special(path: Path) -> bool:
    """Whether a path leads to something that is neither a file nor a folder, such as a device or a pipe."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:  # Python 3.11 and 3.12 tell a circle of links in this way.
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


def _keep_mode(aside: Path, target: Path) -> None:
    """Gives a file the mode, and if that is allowed the owner, of the one that it replaces."""
    if not (target.is_file() and aside.is_file()):
        return
    before, now = target.stat(), aside.stat()
    if (before.st_uid, before.st_gid) != (now.st_uid, now.st_gid):
        # Otherwise the file becomes the writer's own, as any other that it writes.
        with suppress(PermissionError):
            os.chown(aside, before.st_uid, before.st_gid)
    os.chmod(aside, stat.S_IMODE(before.st_mode))


def sync(path: Path) -> None:
    """Waits until a file, or a folder and all that is in it, is on the disk."""
    if path.is_dir():
        for folder, _, files in os.walk(path):
            for name in files:
                _sync(Path(folder) / name)
            _sync(Path(folder))
    else:
        _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems cannot do it for folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _aside(target: Path) -> Path:
    """Returns a hidden path that nobody can know beforehand; the suffix stays, as some formats are recognised by it."""
    return target.with_name(f".{target.stem}.{_HERE}-{os.getpid()}-{secrets.token_hex(6)}{target.suffix}")


def _here() -> str:
    """Returns a name of what process numbers refer to: this start of this machine, and of its container."""
    try:
        parts = [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    except OSError:
        parts = [secrets.token_hex()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


_HERE = _here()
_PARTIAL = re.compile(r"\.(?P<stem>.+)\.(?P<here>[0-9a-f]{8})-(?P<process>[0-9]+)-[0-9a-f]{12}(?P<suffix>\.[^.]*)?")
_A_DAY = 24 * 60 * 60


def _is_abandoned(entry: Path, target: Path) -> bool:
    """Whether a process that has ended has begun to write `target` there."""
    found = _PARTIAL.fullmatch(entry.name)
    return bool(found) and (found["stem"], found["suffix"] or "") == (target.stem, target.suffix) and _has_ended(entry)


def _has_ended(partial: Path) -> bool:
    """Whether the process that writes there has ended, as far as one can tell.

    Nothing is known of a process of another machine, or from before this start of it: it has ended if nothing was
    written for a day.
    """
    found = _PARTIAL.fullmatch(partial.name)
    if found["here"] != _HERE:
        with suppress(OSError):
            return time.time() - partial.lstat().st_mtime > _A_DAY
        return False
    try:
        os.kill(int(found["process"]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False


def is_partial(path: Path) -> bool:
    """Whether a path is what a process was writing that was killed, or is writing."""
    return _PARTIAL.fullmatch(path.name) is not None


def remove_partial(folder: Path) -> None:
    """Removes what processes that were killed have left in a folder and below."""
    _remove(path for path in list(folder.rglob(".*")) if is_partial(path) and _has_ended(path))


def _remove(paths) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_place(path: str | Path) -> None:
    """Checks that a file or folder can be created at `path`, so that a problem is reported before hours of work.

    Raises:
        RunError: if one of its parents is a file, or if the nearest existing parent is not writable.
    """
    if is_special(Path(path)):
        return
    there = next(parent for parent in _resolved(Path(path)).parents if parent.exists())
    if not there.is_dir():
        raise RunError(f"{path}: '{there}' is a file, not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"{path}: '{there}' may not be written to")


def check_folder(path: str | Path) -> None:
    """Does the checks of `check_place`, and also checks that `path` itself is not a file."""
    if Path(path).exists() and not Path(path).is_dir():
        raise RunError(f"{path}: this is a file, not a folder")
    check_place(path)
