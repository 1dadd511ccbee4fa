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
from typing import Any

from tfmtl.core.atomic_write import atomic_write

MANIFEST = "manifest.json"
_BLOCK = 1 << 26
"""The number of bytes of a file that have a checksum of their own."""

_logger = logging.getLogger("tfmtl")

Facts = dict[str, Any]
"""What an entry says about itself, in the types of JSON."""


def default_cache_folder() -> Path:
    """Returns the folder that the variable `TFMTL_CACHE` names, or `~/.cache/tfmtl`."""
    return Path(os.environ.get("TFMTL_CACHE") or Path.home() / ".cache" / "tfmtl")


def key_of(values: Any) -> str:
    """Returns the name of an entry: a digest of all that its content depends on, in the types of JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def found(entry: Path) -> Facts | None:
    """Returns the facts of an entry, all of whose bytes are as they were written; `None` if there is none.

    A damaged entry is the same as none, and a warning says so.
    """
    try:
        manifest = json.loads((entry / MANIFEST).read_text(encoding="utf-8"))
        damaged = _first_damaged(entry, manifest["files"])
        facts = manifest["facts"]
    except FileNotFoundError:
        if not entry.exists():
            return None
        damaged = MANIFEST
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        damaged = MANIFEST
    if damaged:
        _logger.warning("%s: damaged: it is made again", entry / damaged)
        return None
    return facts


def found_or_made(entry: Path, make: Callable[[Path], Facts]) -> tuple[Facts, bool]:
    """Returns the facts of an entry, and whether it had to be made.

    Of several processes, one makes it and the others wait for it. The entry gets its name when it is complete; a
    process that is killed leaves nothing under that name.

    Args:
        entry: the path of the entry.
        make: writes the files of the entry to the empty folder that it is given, and returns the facts.

    Raises:
        OSError: if it cannot be written.
    """
    facts = found(entry)
    if facts is not None:
        return facts, False
    with _locked(entry) as lock:
        if not lock:
            _logger.info("%s: waiting for another process, which is making it", entry)
            fcntl.flock(lock.descriptor, fcntl.LOCK_EX)
        return _made(entry, make)


def make_unless_busy(entry: Path, make: Callable[[Path], Facts]) -> None:
    """Makes an entry as `found_or_made` does, unless it is there or another process is making it."""
    if not entry.exists():
        with _locked(entry) as lock:
            if lock:
                _made(entry, make)


def _made(entry: Path, make: Callable[[Path], Facts]) -> tuple[Facts, bool]:
    """Returns the facts of an entry that this process holds, and whether it had to be made."""
    facts = found(entry)
    if facts is not None:
        return facts, False
    shutil.rmtree(entry, ignore_errors=True)
    with atomic_write(entry) as aside:
        aside.mkdir()
        facts = make(aside)
        manifest = {"files": _checksums(aside), "facts": facts}
        (aside / MANIFEST).write_text(json.dumps(manifest) + "\n", encoding="utf-8")
    return facts, True


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


def _first_damaged(folder: Path, files: Mapping[str, Any]) -> str:
    """Returns the name of the first file that is not as it was written; an empty string if all are."""
    for name, known in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != known["size"] or _blocks(path) != known["crc32"]:
            return name
    return ""


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
