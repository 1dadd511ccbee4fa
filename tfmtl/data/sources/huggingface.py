"""Datasets that Hugging Face's `datasets` has saved to a folder (`save_to_disk`)."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow
from pydantic import Field

from tfmtl.core.errors import DataError, missing_file
from tfmtl.core.registry import SOURCES
from tfmtl.core.values import plain
from tfmtl.data.rows import Rows
from tfmtl.data.sources.source import SourceOptions, require_fields


class HuggingFaceOptions(SourceOptions):
    """The folder and its splits.

    Attributes:
        path: the folder of a `DatasetDict`, or of a `Dataset`, which is the training split.
        splits: the splits of the folder under which the names here are found, such as `{validation: dev}`.
    """

    path: str
    splits: dict[str, str] = Field(default_factory=dict)


@SOURCES.register("huggingface", options=HuggingFaceOptions)
class HuggingFaceSource:
    """A folder that Hugging Face's `Dataset.save_to_disk` or `DatasetDict.save_to_disk` has written."""

    def __init__(self, options: HuggingFaceOptions):
        self.options = options
        self._folder = Path(options.path).expanduser()

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self._folders)

    def read(self, split: str, fields: Sequence[str]) -> Rows:
        """Returns the columns `fields`; a class label is given by its name, or is `None` if it is -1."""
        folder = self._folders[split]
        features = _document(folder / "dataset_info.json")["features"]
        require_fields(fields, features, str(folder))
        state = _document(folder / "state.json")
        if state.get("_indices_data_files"):
            raise DataError(f"{folder}: its rows are in another order than its files; save 'flatten_indices()' of it")
        tables = [_table(folder / part["filename"]).select(list(fields)) for part in state["_data_files"]]
        table = pyarrow.concat_tables(tables)
        columns = {field: _values(table[field], features[field]) for field in fields}
        return Rows(columns, lambda row: f"{folder}: row {row + 1}")

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """The folder of each split."""
        if not self._folder.is_dir():
            raise DataError(missing_file(self._folder))
        if (self._folder / "state.json").is_file():
            found = {"train": self._folder}
        else:
            found = {name: self._folder / name for name in _document(self._folder / "dataset_dict.json")["splits"]}
        for name, own in self.options.splits.items():
            if own not in found:
                raise DataError(f"{self._folder}: there is no split '{own}'; it has: {', '.join(found)}")
            found[name] = found.pop(own)
        return found


def _document(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(
            f"{path.parent}: this is not a folder that 'save_to_disk' of Hugging Face's datasets has written, "
            f"for want of a readable {path.name}"
        ) from None


def _table(path: Path) -> pyarrow.Table:
    try:
        with pyarrow.memory_map(str(path)) as file:
            return pyarrow.ipc.open_stream(file).read_all()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None


def _values(column: pyarrow.ChunkedArray, feature: Any) -> list[Any]:
    values = [plain(value) for value in column.to_pylist()]
    if not (isinstance(feature, dict) and feature.get("_type") == "ClassLabel"):
        return values
    names = feature["names"]
    return [None if value is None or value < 0 else names[value] for value in values]
