"""Arrays in files: written piece by piece, mapped into memory."""

import io
import math
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tfmtl.core.errors import RunError, reason_of

_AT_ONCE = 4096


class ArrayWriter:
    """Writes an array `[rows, ...]` to a file, some rows after the others."""

    def __init__(self, path: Path):
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self.rows = 0

    def append(self, values: np.ndarray) -> None:
        self._file.write(memoryview(np.ascontiguousarray(values)).cast("B") if values.size else b"")
        self.rows += len(values)

    def close(self) -> None:
        self._file.close()


class BytesWriter:
    """Writes sequences of bytes to `<path>.bytes`, and the place where each one ends, after a 0, to `<path>.ends`."""

    def __init__(self, path: Path):
        self._bytes: BinaryIO = open(f"{path}.bytes", "wb")  # noqa: SIM115 - closed by `close`
        self._ends = ArrayWriter(Path(f"{path}.ends"))
        self._ends.append(np.zeros(1, np.int64))
        self._total = 0

    def append(self, values: Iterable[bytes]) -> None:
        values = list(values)
        ends = self._total + np.cumsum([len(value) for value in values], dtype=np.int64)
        self._bytes.write(b"".join(values))
        self._ends.append(ends)
        self._total = int(ends[-1]) if len(ends) else self._total

    def close(self) -> None:
        self._bytes.close()
        self._ends.close()


def mapped(path: Path, dtype: Any, shape: Sequence[int]) -> np.ndarray:
    """Returns the array in a file, mapped into memory for reading.

    Raises:
        ValueError: if the file does not have the size of such an array, or its values would not be numbers.
    """
    shape, dtype = tuple(shape), np.dtype(dtype)
    size, has = math.prod(shape) * dtype.itemsize, path.stat().st_size if path.exists() else 0
    if dtype.kind not in "biuf" or min(shape, default=0) < 0:
        raise ValueError(f"'{path.name}' cannot hold values of type {dtype} in the shape {list(shape)}")
    if size != has:
        raise ValueError(f"'{path.name}' has {has} bytes instead of {size}")
    return np.memmap(path, dtype, "r", shape=shape) if size else np.zeros(shape, dtype)


def check_ends(ends: np.ndarray, total: int, path: Path) -> None:
    """Checks that the ends of pieces, after a 0, never fall and lead to the end.

    Args:
        ends: the ends, int64 `[pieces + 1]`.
        total: the place of the last end.
        path: their file, for the error.

    Raises:
        ValueError: if they do.
    """
    rise = all((np.diff(ends[start : start + _AT_ONCE + 1]) >= 0).all() for start in range(0, len(ends), _AT_ONCE))
    if not rise or ends[0] != 0 or ends[-1] != total:
        raise ValueError(f"'{path.name}' does not say where pieces end")


class _StoredValues(ABC):
    """Values `[rows]` of which each is made of bytes when it is asked for; several come as an object array."""

    dtype = np.dtype(object)

    def __init__(self, path: Path, rows: int):
        self._ends = mapped(Path(f"{path}.ends"), np.int64, [rows + 1])
        self._bytes = mapped(Path(f"{path}.bytes"), np.uint8, [int(self._ends[-1])])
        check_ends(self._ends, len(self._bytes), Path(f"{path}.ends"))
        self._path = path

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int | np.integer):
            return self._read(bytes(self._bytes[self._ends[rows] : self._ends[rows + 1]]))
        chosen = np.arange(len(self))[rows]
        values = np.empty(len(chosen), object)
        if len(chosen) and chosen[-1] - chosen[0] + 1 == len(chosen):
            ends = self._ends[chosen[0] : chosen[-1] + 2]
            block, ends = bytes(self._bytes[ends[0] : ends[-1]]), (ends - ends[0]).tolist()
            values[:] = [self._read(block[ends[k] : ends[k + 1]]) for k in range(len(chosen))]
        else:
            for place, row in enumerate(chosen):
                values[place] = self[int(row)]
        return values

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self[start : start + _AT_ONCE]

    def _read(self, content: bytes) -> Any:
        """Returns the value that is made of some bytes; one that is none has been written by someone else."""
        try:
            return self._value(content)
        except Exception as error:
            raise RunError(f"{self._path}: damaged: {reason_of(error)}; remove {self._path.parent.parent}") from None

    @abstractmethod
    def _value(self, content: bytes) -> Any:
        """Returns the value that is made of some bytes."""


class StoredTexts(_StoredValues):
    """Texts in UTF-8; halves of surrogate pairs are kept."""

    def _value(self, content: bytes) -> str:
        return content.decode("utf-8", "surrogatepass")

    @staticmethod
    def as_bytes(texts: Iterable[str]) -> list[bytes]:
        return [text.encode("utf-8", "surrogatepass") for text in texts]


class StoredTargets(_StoredValues):
    """Targets that are tuples.

    Attributes:
        present: whether each row has a target, bool `[rows]`.
    """

    def __init__(self, path: Path, rows: int):
        super().__init__(path, rows)
        self.present = mapped(Path(f"{path}.present"), bool, [rows])

    def _value(self, content: bytes) -> Any:
        return _Tuples(io.BytesIO(content)).load()

    @staticmethod
    def as_bytes(targets: Iterable[Any]) -> list[bytes]:
        return [pickle.dumps(target, protocol=5) for target in targets]


class _Tuples(pickle.Unpickler):
    """Reads plain values and the named tuples of kinds, and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name) if module.startswith("tfmtl.kinds.") else None
        if isinstance(found, type) and issubclass(found, tuple):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} is no target")
