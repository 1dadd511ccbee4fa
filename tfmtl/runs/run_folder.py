"""The folder of a run: everything that one training leaves, and all that evaluation and export need."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import yaml

from tfmtl.config.experiment import Experiment, parse
from tfmtl.config.options import GenerationOptions
from tfmtl.core.atomic_write import atomic_write, check_folder
from tfmtl.core.errors import ConfigurationError, RunError
from tfmtl.core.registry import TOKENIZERS
from tfmtl.generation.reader import Reader
from tfmtl.kinds.task import Task
from tfmtl.runs.checkpoints import DAMAGE
from tfmtl.runs.fingerprints import Fingerprints, first_change

FREE_KEYS = frozenset(
    {"training.checkpoint_every", "training.log_every", "generation.beams", "generation.length_penalty"}
    | {"generation.early_stopping", "evaluation.batch_size", "evaluation.bootstrap_samples"}
)
"""Keys that change neither the weights nor which epoch is the best: a run takes their new values on."""

_TRAIN_AGAIN = "remove the run's folder and train it again"


class RunFolder:
    """Paths of a run, and what is in them.

    Attributes:
        path: the folder, `runs/<name>` unless the user says otherwise.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "RunFolder":
        """Returns the folder of a run that has been started; raises `RunError` where it is none."""
        folder = cls(path)
        if not folder.path.is_dir():
            raise RunError(f"{path}: there is no such run folder")
        if not folder.config.is_file():
            raise RunError(f"{path}: not a run folder: there is no config.yaml in it")
        return folder

    @property
    def config(self) -> Path:
        """The experiment as resolved, label sets included."""
        return self.path / "config.yaml"

    @property
    def tokenizer(self) -> Path:
        """The folder of the tokenizer that the run has learned, or of its preset."""
        return self.path / "tokenizer"

    @property
    def rows(self) -> Path:
        """The fingerprints of the rows that the run was made of."""
        return self.path / "rows.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of what an interrupted training goes on from, and of the best model."""
        return self.path / "checkpoints"

    @property
    def best_model(self) -> Path:
        """The Keras model of the epoch with the best validation score."""
        return self.checkpoints / "best.keras"

    @property
    def tensorboard(self) -> Path:
        """The folder of the events that TensorBoard shows."""
        return self.path / "tensorboard"

    @property
    def history(self) -> Path:
        """The losses and metrics of each epoch, as CSV."""
        return self.path / "history.csv"

    def stage(self, number: int) -> "RunFolder":
        """The folder of a stage before the last, from 1, which has checkpoints, history and TensorBoard's files."""
        return RunFolder(self.path / "stages" / str(number))

    @property
    def stages(self) -> list["RunFolder"]:
        """The folders of the stages that have begun, in order, the last of which is the run's own."""
        numbers = sorted(int(path.name) for path in (self.path / "stages").glob("*") if path.name.isdigit())
        return [*map(self.stage, numbers), self]

    @property
    def has_begun(self) -> bool:
        """Whether there is anything of a training in it."""
        return any(stage.checkpoints.is_dir() for stage in self.stages)

    def evaluation(self, split: str) -> Path:
        """The metrics of a split, with their intervals, as JSON."""
        return self.path / f"evaluation_{split}.json"

    def measured(self, split: str) -> dict[str, dict[str, Any]]:
        """Returns the metrics of each task on a split that has been evaluated.

        Raises:
            RunError: where the evaluation is damaged.
        """
        try:
            return dict(json.loads(self.evaluation(split).read_text(encoding="utf-8"))["tasks"])
        except (KeyError, TypeError, ValueError):
            raise RunError(f"{self.evaluation(split)}: damaged; evaluate the run again") from None

    def answers(self, split: str) -> Path:
        """The best model's answers to each row of a split."""
        return self.path / f"answers_{split}.jsonl"

    def experiment(self) -> Experiment:
        """Returns the experiment that the run belongs to."""
        try:
            return parse(yaml.safe_load(self.config.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValueError, ConfigurationError) as error:
            raise RunError(f"{self.config}: damaged: {' '.join(str(error).split())}") from None

    def check_place(self) -> None:
        """Checks that the folder holds a run, or can be made one's own: told before any text is read.

        Raises:
            RunError: where it holds something that is no run, or cannot be made.
        """
        if self.config.is_file():
            return
        if self.path.is_dir():
            # A process that was killed while it claimed the folder leaves the configuration aside, and nothing else.
            if any(not path.name.startswith(f".{self.config.stem}.") for path in self.path.iterdir()):
                raise RunError(f"{self.path}: the folder is not empty and holds no run; choose another with --run")
            return
        try:
            check_folder(self.path)
        except RunError as error:
            raise RunError(f"{error}; choose another with --run") from None

    def check(self, experiment: Experiment, tasks: Mapping[str, Task]) -> None:
        """Checks that the folder is the experiment's own, or free.

        Args:
            experiment: as configured.
            tasks: its tasks with their label sets.

        Raises:
            RunError: where the folder belongs to another configuration, or holds something that is no run.
        """
        self.check_place()
        if self.config.is_file():
            difference = _first_difference(self.experiment().as_mapping(), _resolved(experiment, tasks))
            if difference:
                raise RunError(
                    f"{self.path}: this run belongs to another configuration ({difference}); "
                    "choose another folder with --run, or another name"
                )

    def check_rows(self, found: Fingerprints, splits: Sequence[str]) -> None:
        """Checks that splits hold what they held when the training began.

        Raises:
            RunError: where they do not.
        """
        change = self.change_of_rows(found, splits)
        if change:
            raise RunError(
                f"{self.path}: its rows are others than when its training began ({change}); choose another folder "
                "with --run, or another name"
            )

    def change_of_rows(self, found: Fingerprints, splits: Sequence[str]) -> str:
        """Says which rows are others than when the training began; an empty string where none are, or none is known."""
        if not self.rows.is_file():
            return ""
        try:
            return first_change(json.loads(self.rows.read_text(encoding="utf-8")), found, splits)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise RunError(f"{self.rows}: damaged; remove the run's folder") from None

    def claim(self, experiment: Experiment, tasks: Mapping[str, Task]) -> None:
        """Makes the folder the experiment's own; one that it is already takes on what `FREE_KEYS` say anew.

        Args:
            experiment: as configured.
            tasks: its tasks with their label sets.

        Raises:
            RunError: as `check`; where it cannot be written.
        """
        self.check(experiment, tasks)
        resolved = _resolved(experiment, tasks)
        if self.config.is_file() and self.experiment().as_mapping() == resolved:
            return
        try:
            with atomic_write(self.config) as aside:
                aside.write_text(yaml.safe_dump(resolved, sort_keys=False, allow_unicode=True), encoding="utf-8")
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written: {error.strerror}") from None

    def check_best_model(self) -> None:
        """Checks that a training which is over has left its model.

        Raises:
            RunError: where there is none, or no whole archive.
        """
        if not zipfile.is_zipfile(self.best_model):
            found = "damaged" if self.best_model.is_file() else "missing"
            raise RunError(f"{self.best_model}: {found}, though the training is finished; {_TRAIN_AGAIN}")

    def reader(self, generation: GenerationOptions | None = None) -> Reader:
        """Returns what answers questions with the run's best model.

        Args:
            generation: how summaries are written; as the experiment says where it is `None`.

        Raises:
            RunError: where no epoch has been finished yet, or the model is damaged.
        """
        experiment = self.experiment()
        if not self.best_model.is_file():
            name = self.best_model.name
            raise RunError(f"{self.path}: no epoch of this run has been finished, or its {name} was removed")
        try:
            with zipfile.ZipFile(self.best_model) as archive:
                damaged = archive.testzip()
                if damaged:
                    raise zipfile.BadZipFile(f"the checksum of '{damaged}' is wrong")
            model = keras.models.load_model(self.best_model)
        except DAMAGE as error:
            reason = " ".join(str(error).split())[:200]
            raise RunError(f"{self.best_model}: damaged: {reason}; {_TRAIN_AGAIN}") from None
        tokenizer = TOKENIZERS.get(experiment.tokenizer.name).build.load(self.tokenizer)
        max_length = experiment.model.encoder.options.max_length
        return Reader(model, experiment.tasks, tokenizer, max_length, generation or experiment.generation)


def _resolved(experiment: Experiment, tasks: Mapping[str, Task]) -> dict[str, Any]:
    return {**experiment.as_mapping(), "tasks": {name: task.as_mapping() for name, task in tasks.items()}}


def _first_difference(have: Any, want: Any, place: str = "") -> str:
    """Says for the first key whose values differ what they are; an empty string where none does that matters."""
    if place in FREE_KEYS:
        return ""
    if isinstance(have, Mapping) and isinstance(want, Mapping):
        for key in [*have, *(key for key in want if key not in have)]:
            difference = _first_difference(have.get(key), want.get(key), f"{place}.{key}" if place else str(key))
            if difference:
                return difference
        return ""
    if _are_sections(have) and _are_sections(want) and len(have) == len(want):
        return _first_difference(dict(enumerate(have)), dict(enumerate(want)), place)
    return "" if have == want else f"{place}: it has {have!r}, asked for {want!r}"


def _are_sections(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)
