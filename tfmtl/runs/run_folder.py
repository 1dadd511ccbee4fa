"""The folder of a run, which contains all results of a training and all that evaluation and export need."""

from os import PathLike
from pathlib import Path
from typing import Self

from tfmtl.core.errors import RunError, missing_folder
from tfmtl.core.regular_files import check_regular_files
from tfmtl.core.whole_number import whole_number


class RunFolder:
    """The paths of a run.

    Attributes:
        path: the folder, `runs/<name>` unless the user says otherwise.

    Raises:
        RunError: if it is not made from a path.
    """

    def __init__(self, path: str | Path):
        if not isinstance(path, str | PathLike):
            raise RunError(f"run: expected the path of a folder, found {path!r}")
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Returns the folder of a run that has been started; raises `RunError` if it is none."""
        folder = cls(path)
        if not folder.path.is_dir():
            raise RunError(missing_folder(path, "run folder"))
        if not folder.config.is_file():
            is_export = any(folder.path.glob("*/saved_model.pb"))
            found = "this is an export" if is_export else "there is no config.yaml in it"
            raise RunError(f"{path}: not a run folder: {found}")
        check_regular_files(folder.path)
        return folder

    @property
    def config(self) -> Path:
        """The resolved experiment, including its label sets."""
        return self.path / "config.yaml"

    @property
    def data(self) -> Path:
        """The folder of the tables that a training on tables in memory was given."""
        return self.path / "data"

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer that the run has learned, or of its preset."""
        return self.path / "tokenizer"

    @property
    def rows(self) -> Path:
        """The fingerprints of the rows that the run was made from."""
        return self.path / "rows.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints from which an interrupted training resumes, and of the best model."""
        return self.path / "checkpoints"

    @property
    def best_model(self) -> Path:
        """The Keras model of the epoch with the best validation score."""
        return self.checkpoints / "best.keras"

    @property
    def tensorboard(self) -> Path:
        """The folder of the events for TensorBoard."""
        return self.path / "tensorboard"

    @property
    def history(self) -> Path:
        """The losses and metrics of each epoch, as CSV."""
        return self.path / "history.csv"

    def stage(self, number: int) -> "RunFolder":
        """The folder of a stage before the last, from 1, with its checkpoints, history and TensorBoard files."""
        return RunFolder(self.path / "stages" / str(number))

    @property
    def stages(self) -> list["RunFolder"]:
        """The folders of the stages that have begun, in order; the last one is the run's own."""
        numbers = {whole_number(path.name) for path in (self.path / "stages").glob("*")} - {None}
        return [*map(self.stage, sorted(numbers)), self]

    @property
    def has_begun(self) -> bool:
        """Whether a training has begun in the folder."""
        return any(stage.checkpoints.is_dir() for stage in self.stages)

    def evaluation(self, split: str) -> Path:
        """The metrics of a split, with their intervals, as JSON."""
        return self.path / f"evaluation_{split}.json"

    def cut(self, split: str) -> Path:
        """What is cut in a split, because it is longer than the model reads, as JSON."""
        return self.path / f"cut_{split}.json"

    def answers(self, split: str) -> Path:
        """The best model's answers to each row of a split."""
        return self.path / f"answers_{split}.jsonl"
