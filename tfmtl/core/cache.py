"""The folder of what is computed once from data and found again, and entries in it that are whole or absent."""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.descriptions import Described
from tfmtl.core.errors import UserError, reason_of
from tfmtl.core.regular_files import check_regular_files, read_json

MANIFEST = "manifest.json"
_BLOCK = 1 << 26
"""The number of bytes of a file that have a checksum of their own."""

_logger = logging.getLogger("tfmtl")

Facts = dict[str, Any]
"""What an entry says about itself, in the types of JSON."""

Content = TypeVar("Content")


class _File(Described):
    """A file of an entry, as it was written."""

    size: int
    crc32: list[int]


class _Manifest(Described):
    """What an entry consists of."""

    files: dict[str, _File]
    facts: Facts


def _as_it_is(facts: Facts) -> Any:
    return facts


def default_cache_folder() -> Path:
    """Returns the folder that the variable `TFMTL_CACHE` names, or `~/.cache/tfmtl`."""
    return Path(os.environ.get("TFMTL_CACHE") or Path.home() / ".cache" / "tfmtl")


def key_of(values: Any) -> str:
    """Returns the name of an entry: a digest of all that its content depends on, in the types of JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def found(entry: Path, read: Callable[[Facts], Content] = _as_it_is) -> Content | None:
    """Returns the content of an entry, all of whose bytes are as they were written; `None` if there is none.

    A damaged entry is the same as none, and a warning says so.

    Args:
        entry: the path of the entry.
        read: returns the content of an entry with the given facts; an error means that they do not fit its files.
    """
    content, damage = _read(entry, read)
    if damage:
        _logger.warning("%s; it is made again", damage)
    return content


def _read(entry: Path, read: Callable[[Facts], Content]) -> tuple[Content | None, str]:
    """Returns the content of an entry, `None` if there is none, and a sentence that says what is damaged, if it is."""
    if not entry.exists():
        return None, ""
    try:
        check_regular_files(entry)
        manifest = _Manifest.of(read_json(entry / MANIFEST), str(entry / MANIFEST))
        _check_files(entry, manifest.files)
        return read(manifest.facts), ""
    except Exception as error:
        # A mistake in `read` is not hidden: it is raised when the entry has been made again.
        said = str(error) if isinstance(error, UserError) else f"{entry}: damaged: {reason_of(error)}"
        # Another process may have removed it meanwhile.
        return None, said if entry.exists() else ""


def found_or_made(
    entry: Path, make: Callable[[Path], Facts], read: Callable[[Facts], Content] = _as_it_is
) -> tuple[Content, bool]:
    """Returns the content of an entry, and whether it had to be made.

    Of several processes, one makes it and the others wait for it. The entry gets its name when it is complete; a
    process that is killed leaves nothing under that name.

    Args:
        entry: the path of the entry.
        make: writes the files of the entry to the empty folder that it is given, and returns the facts.
        read: returns the content of an entry with the given facts, or raises an error if they do not fit its files; by
            default, the content is the facts.

    Raises:
        OSError: if it cannot be written.
    """
    # What is damaged is said once, by the process that makes it again.
    content, _ = _read(entry, read)
    if content is not None:
        return content, False
    with _locked(entry) as lock:
        if not lock:
            _logger.info("%s: waiting for another process, which is making it", entry)
            fcntl.flock(lock.descriptor, fcntl.LOCK_EX)
        return _made(entry, make, read)


def make_unless_busy(entry: Path, make: Callable[[Path], Facts], read: Callable[[Facts], Content] = _as_it_is) -> None:
    """Makes an entry as `found_or_made` does, unless it is there or another process is making it."""
    if not entry.exists():
        with _locked(entry) as lock:
            if lock:
                _made(entry, make, read)


def _made(entry: Path, make: Callable[[Path], Facts], read: Callable[[Facts], Content]) -> tuple[Content, bool]:
    """Returns the content of an entry that this process holds, and whether it had to be made."""
    content = found(entry, read)
    if content is not None:
        return content, False
    shutil.rmtree(entry, ignore_errors=True)
    with atomic_write(entry) as aside:
        aside.mkdir()
        # As they are when they are found.
        facts = json.loads(json.dumps(make(aside)))
        manifest = {"files": _checksums(aside), "facts": facts}
        (aside / MANIFEST).write_text(json.dumps(manifest) + "\n", encoding="utf-8")
    return read(facts), True


@dataclass(frozen=True)
class _Lock:
    """A file of which one process at a time can hold the lock; true if this one does."""

    descriptor: int
    is_held: bool

    def __bool__(self) -> bool:
        return self.is_held


@contextlib.contextmanager
def _locked(entry: Path) -> Iterator[_Lock]:
    """Yields the lock of an entry, which is held if no other process holds it, and released in the end."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(entry.with_name(f".{entry.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield _Lock(descriptor, _acquired(descriptor, entry))
    finally:
        os.close(descriptor)


def _acquired(descriptor: int, entry: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        _logger.warning("%s: this file system has no locks: two processes may make the same", entry)
    return True


def _checksums(folder: Path) -> Mapping[str, Any]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name: {"size": (folder / name).stat().st_size, "crc32": _blocks(folder / name)} for name in names}


def _check_files(folder: Path, files: Mapping[str, _File]) -> None:
    """Checks that an entry consists of the files that it lists, and that these are as they were written.

    Raises:
        ValueError: if one is not.
    """
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    for name in sorted(there ^ files.keys()):
        raise ValueError(f"'{name[:80]}' " + ("is not one of its files" if name in there else "is not there"))
    for name, known in files.items():
        path = folder / name
        if path.stat().st_size != known.size or _blocks(path) != known.crc32:
            raise ValueError(f"'{name[:80]}' is not as it was written")


def _blocks(path: Path) -> list[int]:
    starts = range(0, path.stat().st_size, _BLOCK)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda start: _checksum(path, start), starts))


def _checksum(path: Path, start: int) -> int:
    value, left = 0, _BLOCK
    with open(path, "rb") as file:
        file.seek(start)
        while left and (part := file.read(min(left, 1 << 20))):
            value, left = zlib.crc32(part, value), left - len(part)
    return value
