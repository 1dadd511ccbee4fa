"""Checkpoints: every variable of a training and its progress, in one file that is either complete or absent."""

import json
import logging
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.errors import RunError
from tfmtl.core.later_variables import is_later
from tfmtl.runs.archives import array_of, check_members

_logger = logging.getLogger("tfmtl")
_STATE = "state.json"
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, KeyError, EOFError, OSError)
"""The errors of reading a damaged archive; `RuntimeError` if damage looks like a version, method or encryption."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of one file.

    Attributes:
        variables: the values of the variables, in the order in which they were saved.
        state: the progress of the training, as JSON values.
    """

    variables: list[np.ndarray]
    state: dict[str, Any]

    def restore(self, variables: Sequence) -> None:
        """Assigns the values to Keras variables.

        A checkpoint of an earlier version leaves variables that this version did not have at their initial values.

        Raises:
            RunError: if their number or their shapes differ.
        """
        if len(self.variables) < len(variables):
            variables = [variable for variable in variables if not is_later(variable)]
        shapes = [tuple(variable.shape) for variable in variables]
        if shapes != [value.shape for value in self.variables]:
            raise RunError("the checkpoint belongs to another model: its variables have other shapes")
        for variable, value in zip(variables, self.variables, strict=True):
            variable.assign(value)


class Checkpoints:
    """The last few checkpoints of a run.

    Args:
        folder: the folder that contains them.
        keep: the number of checkpoints to keep; two or more, so that an older one can replace a damaged one.
    """

    def __init__(self, folder: Path, keep: int = 2):
        self._folder = folder
        self._keep = keep

    def save(self, update: int, variables: Sequence, state: Mapping[str, Any]) -> Path:
        """Writes the checkpoint after `update` updates, then removes the oldest."""
        path = self._folder / f"update-{update:08d}.npz"
        arrays = {f"{index:05d}": np.asarray(variable) for index, variable in enumerate(variables)}
        # A zip archive contains a checksum of each member, which reveals a damaged file.
        with atomic_write(path) as aside:
            np.savez(aside, **arrays, **{_STATE: np.frombuffer(json.dumps(state).encode(), np.uint8)})
        for old in self._paths()[: -self._keep]:
            old.unlink()
        return path

    def latest(self) -> Checkpoint | None:
        """Returns the newest readable checkpoint and warns of unreadable ones; `None` if there are no checkpoints.

        Raises:
            RunError: if there are checkpoints, but none of them can be read.
        """
        paths = self._paths()
        for path in reversed(paths):
            try:
                return _read(path)
            except DAMAGE as error:
                _logger.warning("%s: damaged (%s); falling back to the checkpoint before it", path, error)
        if paths:
            raise RunError(f"{self._folder}: no checkpoint can be read; remove the folder to train from the beginning")
        return None

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("update-*.npz"))


def _read(path: Path) -> Checkpoint:
    with zipfile.ZipFile(path) as archive:
        # Checked before any array's header is trusted: a damaged one can ask for any amount of memory.
        check_members(archive)
        names = sorted(name.removesuffix(".npy") for name in archive.namelist())
        variables = [array_of(archive, name) for name in names if name != _STATE]
        state = json.loads(array_of(archive, _STATE).tobytes().decode())
    if not isinstance(state, dict):
        raise ValueError(f"its {_STATE} is no object")
    return Checkpoint(variables, state)
