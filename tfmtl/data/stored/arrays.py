"""Arrays in files: written piece by piece, mapped into memory."""

import io
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


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
    """Returns the array in a file, mapped into memory for reading."""
    shape = tuple(shape)
    return np.memmap(path, dtype, "r", shape=shape) if np.prod(shape) else np.zeros(shape, dtype)


class _StoredValues(ABC):
    """Values `[rows]` of which each is made of bytes when it is asked for; several come as an object array."""

    dtype = np.dtype(object)

    def __init__(self, path: Path, rows: int):
        self._ends = mapped(Path(f"{path}.ends"), np.int64, [rows + 1])
        self._bytes = mapped(Path(f"{path}.bytes"), np.uint8, [int(self._ends[-1])])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int | np.integer):
            return self._value(bytes(self._bytes[self._ends[rows] : self._ends[rows + 1]]))
        chosen = np.arange(len(self))[rows]
        values = np.empty(len(chosen), object)
        if len(chosen) and chosen[-1] - chosen[0] + 1 == len(chosen):
            ends = self._ends[chosen[0] : chosen[-1] + 2]
            block, ends = bytes(self._bytes[ends[0] : ends[-1]]), (ends - ends[0]).tolist()
            values[:] = [self._value(block[ends[k] : ends[k + 1]]) for k in range(len(chosen))]
        else:
            for place, row in enumerate(chosen):
                values[place] = self[int(row)]
        return values

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self[start : start + _AT_ONCE]

    @abstractmethod
    def _value(self, content: bytes) -> Any:
        """Returns the value that is made of some bytes."""


_AT_ONCE = 4096


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
