"""Examples in files."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeInt, Strict

from tfmtl.core.descriptions import Described
from tfmtl.data.columns import is_present
from tfmtl.data.stored.arrays import ArrayWriter, BytesWriter, StoredTargets, StoredTexts, mapped
from tfmtl.data.streams import Examples
from tfmtl.kinds.task import TASK_NAME_PATTERN

TaskName = Annotated[str, Field(pattern=TASK_NAME_PATTERN)]


class Layout(Described):
    """What the files of some examples hold.

    Attributes:
        rows: the number of rows.
        pair: whether there are second texts.
        targets: the dtype of each task's targets, and their shape without the rows; `None` for tuples.
    """

    rows: NonNegativeInt
    pair: bool
    targets: dict[TaskName, Annotated[tuple[str, list[NonNegativeInt]], Strict(False)] | None]


class ExamplesWriter:
    """Writes examples to a folder, some rows after the others.

    Args:
        folder: the folder, which is made.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self._folder = folder
        self._writers: dict[str, ArrayWriter | BytesWriter] = {}
        self._layout: dict[str, Any] = {"rows": 0, "pair": False, "targets": {}}
        self.labelled: dict[str, bool] = {}

    def append(self, examples: Examples) -> None:
        """Writes further rows, which have the same tasks."""
        self._layout["rows"] += len(examples)
        self._bytes("text").append(StoredTexts.as_bytes(examples.text))
        if examples.text_pair is not None:
            self._layout["pair"] = True
            self._bytes("pair").append(StoredTexts.as_bytes(examples.text_pair))
        for task, values in examples.targets.items():
            name, present = f"target.{task}", is_present(values)
            self.labelled[task] = self.labelled.get(task, False) or bool(present.any())
            if values.dtype == object:
                self._layout["targets"][task] = None
                self._bytes(name).append(StoredTargets.as_bytes(values))
                self._array(f"{name}.present").append(present)
            else:
                self._layout["targets"][task] = [values.dtype.str, list(values.shape[1:])]
                self._array(name).append(values)

    def close(self) -> Layout:
        """Returns the layout of the files, with which `opened` finds what is in them."""
        for writer in self._writers.values():
            writer.close()
        return Layout(**self._layout)

    def _bytes(self, name: str) -> BytesWriter:
        if name not in self._writers:
            self._writers[name] = BytesWriter(self._folder / name)
        return self._writers[name]

    def _array(self, name: str) -> ArrayWriter:
        if name not in self._writers:
            self._writers[name] = ArrayWriter(self._folder / name)
        return self._writers[name]


def opened(folder: Path, layout: Layout, digests: dict[str, Any] | None = None) -> Examples:
    """Returns the examples in a folder, which stay in its files.

    Raises:
        ValueError: if the files do not have this layout.
    """
    rows = layout.rows
    pair = StoredTexts(folder / "pair", rows) if layout.pair else None
    targets = {}
    for task, dense in layout.targets.items():
        path = folder / f"target.{task}"
        targets[task] = StoredTargets(path, rows) if dense is None else mapped(path, dense[0], [rows, *dense[1]])
    return Examples(StoredTexts(folder / "text", rows), pair, targets, digests)


def in_memory(examples: Examples) -> Examples:
    """Returns examples that have been read from their files."""
    pair = None if examples.text_pair is None else examples.text_pair[:]
    targets = {task: np.array(values[:]) for task, values in examples.targets.items()}
    return Examples(examples.text[:], pair, targets, examples.digests)
