"""The description of an export, in a file beside the graph: its tasks, and the versions that made it."""

import logging
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import tfmtl
from tfmtl.config.experiment import NAME_PATTERN
from tfmtl.core.descriptions import first_wrong
from tfmtl.core.errors import RunError, missing_folder
from tfmtl.core.regular_files import read_description
from tfmtl.core.whole_number import whole_number
from tfmtl.kinds.task import TASK_NAME_PATTERN
from tfmtl.serving.export.served_task import ServedTask

_logger = logging.getLogger("tfmtl")

METADATA_FILE = "metadata.json"

_OF_OPS = ("tensorflow", "tensorflow-text")
"""The packages whose ops an export consists of."""

DESCRIPTION_FIELD = "tfmtl"
"""The metadata field under which a server gives clients an export's description, including its label lists."""


TaskName = Annotated[str, Field(pattern=TASK_NAME_PATTERN)]
Release = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+[0-9A-Za-z.+-]*$")]


class Description(BaseModel):
    """An export, as its `metadata.json` describes it.

    Attributes:
        name: the name of the experiment.
        tasks: the tasks by name, in the experiment's order.
        versions: the versions of the packages that made it; a server's TensorFlow Text should have the same minor
            version.
        readings: how often the trunk reads a text to answer all tasks.
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(pattern=NAME_PATTERN)
    tasks: dict[TaskName, ServedTask] = Field(min_length=1)
    versions: dict[str, Release]
    readings: int | float = Field(1, gt=0, allow_inf_nan=False)

    @classmethod
    def of(cls, name: str, tasks: dict[str, ServedTask]) -> Self:
        """Returns the description of an export that is made with the installed packages."""
        versions = {package: version(package) for package in (*_OF_OPS, "keras")}
        return cls(name=name, tasks=tasks, versions={"tfmtl": tfmtl.__version__, **versions})

    @classmethod
    def read(cls, export: Path) -> Self:
        """Reads the description of an export.

        Args:
            export: the directory of one version.

        Raises:
            RunError: if there is no description, or it is damaged.
        """
        path = export / METADATA_FILE
        try:
            return cls.model_validate_json(read_description(path))
        except FileNotFoundError:
            raise RunError(f"{export}: not an export of tfmtl: there is no {METADATA_FILE} in it") from None
        except ValidationError as error:
            raise RunError(f"{path}: damaged: {first_wrong(error)}") from None

    @classmethod
    def parse(cls, text: str, place: str) -> Self:
        """Returns the description that a server gives of its export.

        Args:
            text: the content of a `metadata.json`.
            place: where it comes from, for the error.

        Raises:
            RunError: if it is damaged.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise RunError(f"{place}: its description of what it serves is damaged: {first_wrong(error)}") from None

    def warn_of_other_versions(self, export: Path) -> None:
        """Warns if the installed ops have a different minor version from those that made an export."""
        for package in _OF_OPS:
            made, here = self.versions.get(package, ""), version(package)
            if made and _minor(made) != _minor(here):
                _logger.warning("%s was made with %s %s; here it is %s", export, package, made, here)

    def warn_of_stock_servers(self) -> None:
        """Warns if no stock server has both the TensorFlow and the TensorFlow Text that make an export."""
        versions = [self.versions[package] for package in _OF_OPS]
        if _minor(versions[0]) != _minor(versions[1]):
            _logger.warning(
                "TensorFlow is %s and TensorFlow Text %s: a stock server has both in the same minor version", *versions
            )

    def write(self, export: Path) -> None:
        """Writes the description into the directory of one version."""
        (export / METADATA_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _minor(release: str) -> list[str]:
    return release.split(".")[:2]


def versions_in(folder: Path) -> list[int]:
    """Returns the versions in an export's folder, ascending: its directories that are whole numbers."""
    return sorted(int(path.name) for path in folder.iterdir() if is_version(path))


def is_version(path: Path) -> bool:
    """Whether a path is the directory of one version of an export."""
    number = whole_number(path.name)
    return number is not None and path.name == str(number) and (path / "saved_model.pb").is_file()


def newest_version(path: Path) -> Path:
    """Returns the directory of an export's newest version; `path` itself if it is one.

    Raises:
        RunError: if there is no version.
    """
    if (path / "saved_model.pb").is_file():
        return path
    return path / str(required_versions(path)[-1])


def required_versions(path: Path) -> list[int]:
    """Returns the numbers of the versions in the folder of an export, in ascending order.

    Raises:
        RunError: if there are none; says what the folder is instead.
    """
    if not path.is_dir():
        raise RunError(missing_folder(path, "export folder"))
    versions = versions_in(path)
    if versions:
        return versions
    if (path / "config.yaml").is_file():
        raise RunError(f"{path}: this is a run; make an export of it with 'tfmtl export {path}'")
    exports = [each for each in sorted(path.iterdir()) if each.is_dir() and versions_in(each)]
    hint = f"; did you mean '{exports[0]}'?" if exports else ""
    raise RunError(f"{path}: there is no version of an export in it{hint}")
