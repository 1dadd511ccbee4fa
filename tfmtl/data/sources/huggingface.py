"""Datasets that Hugging Face's `datasets` has saved to a folder (`save_to_disk`)."""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pyarrow
from pydantic import AfterValidator, Field

from tfmtl.core.descriptions import Described
from tfmtl.core.errors import DataError, RunError, missing_file, reason_of
from tfmtl.core.registry import SOURCES
from tfmtl.core.regular_files import check_regular_files, read_json
from tfmtl.data.arrow_values import check_offsets, values_of
from tfmtl.data.rows import Rows, joined
from tfmtl.data.sources.source import SourceOptions, require_fields


class HuggingFaceOptions(SourceOptions):
    """The folder and its splits.

    Attributes:
        path: the folder of a `DatasetDict`, or of a `Dataset`, which is the training split.
        splits: the splits of the folder under which the names here are found, such as `{validation: dev}`.
    """

    path: str
    splits: dict[str, str] = Field(default_factory=dict)


def _name_inside(name: str) -> str:
    if not name.strip() or name in (".", "..") or not {"/", "\\", "\0"}.isdisjoint(name):
        raise ValueError(f"{name[:40]!r} is not a name of something in the folder")
    return name


Name = Annotated[str, AfterValidator(_name_inside)]
"""The name of a file or folder in the folder that names it."""


class _Splits(Described):
    """What `dataset_dict.json` says."""

    splits: list[Name] = Field(min_length=1)


class _Info(Described):
    """What `dataset_info.json` says: the type of each column."""

    features: dict[str, Any] = Field(min_length=1)


class _ClassLabel(Described):
    """The type of a column of class labels."""

    names: list[str]


class _File(Described):
    """A file of rows."""

    filename: Name


class _State(Described):
    """What `state.json` says: the files, and those that say in which order their rows are."""

    files: list[_File] = Field(alias="_data_files", min_length=1)
    indices: list[Any] | None = Field(None, alias="_indices_data_files")


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
        _check_files(folder)
        info = folder / "dataset_info.json"
        features = _read(_Info, info).features
        require_fields(fields, features, str(folder))
        labels = {field: _label_names(features[field], f"{info}: features: {field}") for field in fields}
        state = _read(_State, folder / "state.json")
        if state.indices:
            raise DataError(f"{folder}: its rows are in another order than its files; save 'flatten_indices()' of it")
        parts: list[Rows] = []
        for file in state.files:
            first = sum(map(len, parts))
            parts.append(_rows(folder / file.filename, fields, labels, folder, first))
        return joined(parts)

    @cached_property
    def _folders(self) -> dict[str, Path]:
        """The folder of each split."""
        if not self._folder.is_dir():
            raise DataError(missing_file(self._folder))
        if (self._folder / "state.json").is_file():
            found = {"train": self._folder}
        else:
            splits = _read(_Splits, self._folder / "dataset_dict.json").splits
            found = {name: self._folder / name for name in splits}
        for name, own in self.options.splits.items():
            if own not in found:
                raise DataError(f"{self._folder}: there is no split '{own}'; it has: {', '.join(found)}")
            found[name] = found.pop(own)
        return found


Description = TypeVar("Description", bound=Described)


def _read(description: type[Description], path: Path) -> Description:
    try:
        return description.of(read_json(path), str(path))
    except FileNotFoundError:
        raise DataError(
            f"{path.parent}: this is not a folder that 'save_to_disk' of Hugging Face's datasets has written, "
            f"for want of a readable {path.name}"
        ) from None
    except RunError as error:
        raise DataError(str(error)) from None


def _check_files(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(missing_file(folder))
    try:
        check_regular_files(folder)
    except RunError as error:
        raise DataError(str(error)) from None


def _label_names(feature: Any, place: str) -> list[str] | None:
    """Returns the names of the classes of a column of class labels; `None` for other columns."""
    if not (isinstance(feature, dict) and feature.get("_type") == "ClassLabel"):
        return None
    try:
        return _ClassLabel.of(feature, place).names
    except RunError as error:
        raise DataError(str(error)) from None


def _rows(path: Path, fields: Sequence[str], labels: dict[str, list[str] | None], folder: Path, first: int) -> Rows:
    """Returns the rows of a file, of which the first one is row `first` of the folder."""

    def place(row: int) -> str:
        return f"{folder}: row {first + row + 1}"

    table = _table(path)
    require_fields(fields, table.column_names, str(path))
    columns = {}
    for field in fields:
        check_offsets(table[field], field, str(path))
        values, names = values_of(table[field], field, place), labels[field]
        columns[field] = values if names is None else _named(values, names, field, place)
    return Rows(columns, place)


def _table(path: Path) -> pyarrow.Table:
    try:
        with pyarrow.memory_map(str(path)) as file:
            return pyarrow.ipc.open_stream(file).read_all()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {reason_of(error)}") from None


def _named(values: list[Any], names: list[str], field: str, place: Callable[[int], str]) -> list[str | None]:
    """Returns the names of classes; `None` where there is none, which is -1 or a missing value."""
    for row, value in enumerate(values):
        if value is not None and not (isinstance(value, int) and value < len(names)):
            raise DataError(f"{place(row)}: column '{field}': {str(value)[:40]!r} is none of its {len(names)} classes")
    return [None if value is None or value < 0 else names[value] for value in values]
