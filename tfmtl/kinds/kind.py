"""The interface of a task kind: everything that the rest of the package needs to know about what its tasks learn.

A kind is a folder `tfmtl/kinds/<kind>/` whose `__init__.py` imports a subclass of `Kind`, registered in `KINDS`
together with the options of its tasks. Nothing outside the folder refers to it by name: tables, network, training,
evaluation, export and server only call the methods below, which are in the order in which a batch reaches them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import KINDS
from tfmtl.data.columns import Column, DenseColumn, is_present
from tfmtl.data.rows import Rows
from tfmtl.data.units import Units, UnitsOfBatch
from tfmtl.kinds.task import Task

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    from tfmtl.config.options import GenerationOptions, ModelOptions
    from tfmtl.data.streams import Examples
    from tfmtl.data.tokenized import ReadUnits
    from tfmtl.metrics.metric import Metric
    from tfmtl.models.trunk import Trunk
    from tfmtl.serving.export.served_task import ServedTask
    from tfmtl.training.losses import TaskLoss

Predictions = np.ndarray | Sequence[Any]
"""The values that metrics compare with the targets; the first axis is the rows."""

Answer = Mapping[str, Any]
"""Tensors or arrays `[batch, ...]`, by the suffixes in the kind's `outputs`."""

Corrupt = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""A function from tokens, int32 `[rows, length]`, and a seed `[2]` to the tokens to read and the tokens to write."""


@dataclass(frozen=True)
class HeadContext:
    """The information that is needed to create a head.

    Attributes:
        trunk: the trunk whose states the head reads.
        options: the options of the network.
        targets: the targets of the training split; `None` if the task has no column.
        words: the ids of its `label_words`, each between a start and an end mark.
        descriptor: the values of the task's descriptor, from which its head is generated; empty if it has none.
    """

    trunk: "Trunk"
    options: "ModelOptions"
    targets: Column | None
    words: tuple[tuple[int, ...], ...] = ()
    descriptor: tuple[float, ...] = ()


class Kind(ABC):
    """Defines how tasks of one kind are encoded, trained, answered and evaluated.

    A kind has no state. Each method receives the task, with its label set if it has one.
    """

    outputs: ClassVar[tuple[str, ...]] = ()
    """The suffixes of the outputs of a signature, which are named `<task>_<suffix>`."""
    predicts: ClassVar[str] = ""
    """The form of the predictions, which a metric must be able to measure; see `tfmtl.metrics.metric`."""
    own_metrics: ClassVar[Mapping[str, type["Metric"]]] = {}
    """Metrics for tasks of this kind only, by name; they take precedence over those of `tfmtl.metrics`."""
    rest_action: ClassVar[str] = ""
    """The action of TensorFlow Serving's REST interface that answers tasks of this kind, in addition to `predict`."""
    explains: ClassVar[bool] = False
    """Whether `evidence` says what the words of a text can speak for."""
    corrupts: ClassVar[bool] = False
    """Whether `corrupt` changes the texts of a task each time they are read."""
    units: ClassVar[Units | None] = None
    """The units of the text, or of the second text of a pair, that an answer is made of; `None` for a whole text.

    Texts of such a task are tokenized unit by unit, for all tasks that read the same texts. The task then learns from
    `unit_column` and is answered by `unit_answer`.
    """

    # Data

    def label_set(self, task: Task) -> tuple[str, ...]:
        """Returns the labels of a task in the order of their probabilities; empty if it has none, or none yet."""
        return ()

    def extended(self, task: Task, labels: Sequence[str]) -> Task:
        """Returns a task that has further labels behind its own; by default tasks cannot be given any.

        Raises:
            ConfigurationError: if it has one of the labels already, or cannot be given any.
        """
        raise ConfigurationError(f"tasks.{task.name}: tasks of kind '{task.kind}' cannot be given new labels")

    def needs_train(self, task: Task) -> bool:
        """Returns whether a part of the task, such as its label set, has to be inferred from the training split."""
        return False

    def resolved(self, task: Task, train: Rows | None) -> Task:
        """Returns the task with everything that is inferred from the training split, such as its label set.

        Args:
            task: the task as configured.
            train: the rows of the training split; needed only if `needs_train(task)`.

        Raises:
            DataError: if the task cannot be learned from the rows.
        """
        return task

    @abstractmethod
    def encode(self, task: Task, rows: Rows) -> np.ndarray:
        """Returns the targets `[rows, ...]` from the task's `target_fields`; see `tfmtl.data.columns`.

        Raises:
            DataError: if the task cannot learn from a value; names the place of the first one.
        """

    def strata(self, task: Task, targets: np.ndarray) -> dict[str, np.ndarray]:
        """Returns which rows are examples of each class, bool `[rows]` by the name of the class, for `shots`.

        By default a task has no classes, and all rows with a target are examples of the same, whose name is empty.

        Args:
            task: the task, with its label set.
            targets: the targets `[rows, ...]` that `encode` returned.
        """
        return {"": is_present(targets)}

    def classes(self, task: Task) -> int:
        """Returns the number of classes if targets are the index of one class; 0 if they are anything else."""
        return 0

    def column(self, task: Task, targets: np.ndarray, tokenizer) -> Column:
        """Returns the column that the model learns from, given the targets that `encode` returned."""
        return DenseColumn(targets)

    def unit_column(self, task: Task, targets: np.ndarray, read: "ReadUnits", split: str) -> Column:
        """Returns the column that the model learns from, with an entry for each window; only for kinds with `units`.

        Args:
            task: the task.
            targets: the targets that `encode` returned, `[rows, ...]`.
            read: the units of the same rows, and their windows.
            split: the name of their split, for messages.
        """
        raise TypeError(f"tasks of kind '{task.kind}' read texts as a whole")

    def check_parts(self, parts: Sequence[str], place: str) -> None:  # noqa: B027 - most kinds read any text
        """Checks a text that is given as a list of parts, which are joined by spaces.

        Raises:
            DataError: if a task could not say something about each part.
        """

    def corrupt(self, task: Task) -> Corrupt:
        """Returns the function that changes texts each time they are read; only for kinds with `corrupts`."""
        raise TypeError(f"tasks of kind '{task.kind}' read texts as they are")

    def training_texts(self, target: Any) -> Iterable[str]:
        """Returns the texts in the target of one row that a tokenizer should learn from."""
        return ()

    def check(self, task: Task, generation: "GenerationOptions") -> None:  # noqa: B027 - most kinds have nothing to check
        """Checks the options of a task that depend on labels or generation, before anything is trained or written.

        Raises:
            ConfigurationError: if an option does not fit.
        """

    # Network and loss

    @abstractmethod
    def head(self, task: Task, context: HeadContext, common: str | None = None) -> "keras.layers.Layer":
        """Returns the task's head, named after the task and not built yet.

        Args:
            task: the task, with its label set.
            context: the trunk, the options and the targets to create the head for.
            common: the name of the head that the task shares with other tasks, or of what generates its head; `None` if
                there is none.
        """

    def common_head_key(self, task: Task) -> Hashable | None:
        """Returns a key that is equal for tasks that can share a common head; `None` if the task cannot have one.

        Only such tasks can have a descriptor.
        """
        return None

    def common_head(self, task: Task, context: HeadContext, name: str) -> "keras.layers.Layer":
        """Returns the common head of all tasks with the same key as `task`, with the name `name`.

        If they are described, it is the `tfmtl.models.descriptors.generator.HeadGenerator` of their heads.
        """
        raise TypeError(f"tasks of kind '{task.kind}' have no head in common")

    def label_words(self, task: Task) -> tuple[str, ...]:
        """Returns the words that a language model may say in the place of labels; empty if a head answers."""
        return ()

    def linear_classes(self, task: Task) -> int:
        """Returns the number of classes for a linear expert, if the targets are class indices; 0 for no expert."""
        return 0

    def class_weights(self, task: Task, targets: Column) -> np.ndarray:
        """Returns the factors of the losses of rows, by their class, `[classes]`.

        Args:
            task: the task, with its label set.
            targets: the targets of the training split.
        """
        raise TypeError(f"tasks of kind '{task.kind}' have no classes")

    def target_length(self, task: Task, text_length: int) -> int:
        """Returns the maximum number of tokens that a decoder reads or writes for texts of at most `text_length`."""
        raise TypeError(f"tasks of kind '{task.kind}' do not generate text")

    def decoder(self, task: Task, **kwargs) -> "keras.layers.Layer | None":
        """Returns a layer to use in place of a decoder, given `name` and `dtype`; `None` for the trunk's decoder."""
        return None

    @abstractmethod
    def loss(self, task: Task, targets: Column | None) -> "TaskLoss":
        """Returns the task's loss.

        Args:
            task: the task, with its label set.
            targets: the targets of the training split; `None` if the task has no column.
        """

    @abstractmethod
    def probe_targets(self, task: Task) -> tuple[Any, Any]:
        """Returns two targets of a row with different losses; they are used to check that targets reach their heads."""

    # Answers

    def answer(self, task: Task, said: tf.Tensor, head: "keras.layers.Layer") -> dict[str, tf.Tensor]:
        """Returns the outputs `[batch, ...]`, by their suffixes, in graph.

        What is returned beyond the kind's `outputs` is for `calibrate` and reports; clients do not get it.

        Args:
            task: the task, with its label set.
            said: the output of the head, `[batch, ...]`; for a task that generates, the texts, string `[batch]`.
            head: the task's own head.
        """
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    def unit_answer(
        self, task: Task, said: tf.Tensor, head: "keras.layers.Layer", read: UnitsOfBatch
    ) -> dict[str, tf.Tensor]:
        """Returns the outputs `[batch, ...]`, by their suffixes, in graph; only for kinds with `units`.

        Args:
            task: the task, with its label set.
            said: the output of the head, `[windows, length, ...]`.
            head: the task's own head.
            read: the units of the texts, and their windows.
        """
        raise TypeError(f"tasks of kind '{task.kind}' read texts as a whole")

    def predictions(self, answer: Answer) -> Predictions:
        """Returns the part of an answer's arrays that metrics read, `[rows, ...]`."""
        return answer[self.outputs[-1]]

    def calibrate(self, task: Task, head: "keras.layers.Layer", targets: np.ndarray, answer: Answer) -> Answer:
        """Adjusts a head to the validation split after each epoch, for example its temperature or its thresholds.

        Args:
            task: the task, with its label set.
            head: the task's own head, whose variables may be assigned.
            targets: the targets of the validation split, `[rows, ...]`.
            answer: the answer for the same rows, as arrays.

        Returns:
            The answer that the adjusted head gives.
        """
        return answer

    def as_json(self, answer: Answer, row: int, labels: Sequence[str], text: str = "") -> dict[str, Any]:
        """Returns the answer for one row as JSON values.

        Args:
            answer: the answer as arrays, with decoded strings.
            row: the index of the row.
            labels: the label set of the task.
            text: the text of the row, or the second text of a pair: the one whose `units` an answer is made of.
        """
        raise TypeError(f"{type(self).__name__} answers nothing")

    def client_options(self, task: Task) -> dict[str, Any]:
        """Returns the options of a task, as JSON values, that a client needs in order to show its answers."""
        return {}

    def shown(self, answer: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the answer that `as_json` gave for one row as clients see it.

        Args:
            answer: the whole answer, which `from_json` can read.
            options: the result of `client_options`.
        """
        return dict(answer)

    def evidence(self, answer: Answer, labels: Sequence[str]) -> dict[str | None, np.ndarray]:
        """Returns the numbers that an answer stands on, for answers to a text and to parts of it.

        Args:
            answer: the answers as arrays; the first row is that of the whole text.
            labels: the label set of the task.

        Returns:
            What the answer to the whole text stands on, such as the probability of its label, in all rows, float32
            `[rows]`; by label if an answer can have several, otherwise under `None`.
        """
        raise TypeError(f"the answers of {type(self).__name__} are not explained")

    def from_json(self, task: Task, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Returns the arrays from which `as_json` created `answers`, one per row."""
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    def target_as_json(self, task: Task, target: Any) -> Any:
        """Returns the target of one row as a JSON value."""
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    def targets_from_json(self, task: Task, targets: Sequence[Any]) -> Predictions:
        """Returns the targets `[rows, ...]` from which `target_as_json` created `targets`."""
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    # Evaluation and reports

    def baselines(self, task: Task, train: "Examples", asked: "Examples") -> dict[str, Answer]:
        """Returns the answers of simple systems for the rows `asked`, by the name of the system.

        Args:
            task: the task, with its label set.
            train: the rows of the training split, all with a target.
            asked: the rows to answer.
        """
        return {}

    def pooled_baselines(
        self, domains: Mapping[str, tuple[Task, "Examples", "Examples"]]
    ) -> dict[str, dict[str, Answer]]:
        """Returns the answers of simple systems that learn from several tasks with the same `common_head_key`.

        Args:
            domains: the arguments of `baselines` for each task, by the name of the task.

        Returns:
            The answers, by the name of the system and then by the name of the task.
        """
        return {}

    def figures(self, task: Task, targets: np.ndarray, answer: Answer) -> "dict[str, Figure]":
        """Returns the figures of answers to rows that all have a target, by what they show.

        Args:
            task: the task, with its label set.
            targets: the targets, `[rows, ...]`.
            answer: the answers to the same rows, as arrays.
        """
        return {}

    def report_section(self, task: Task, result: Any, folder: Path) -> list[str]:
        """Returns the lines about one task in a run's report; all rows of the result have a target.

        Args:
            task: the task, with its label set.
            result: a `tfmtl.reports.task_result.TaskResult`.
            folder: the folder of the run; plots are written to its folder `plots`.
        """
        return []

    # Serving

    def rest_result(self, answer: Answer, labels: Sequence[str]) -> list[Any]:
        """Returns the result of `rest_action`, one JSON value per row.

        Args:
            answer: the answer as arrays, with decoded strings.
            labels: the label set of the task.
        """
        raise TypeError(f"{type(self).__name__} has no REST action of its own")

    @property
    def page_script(self) -> str:
        """A JavaScript expression, the function that shows an answer on the server's page.

        It is called with `(parent, task, answer, name)` and can use `add(parent, tag, text, class)` and `asked`, the
        texts of the row; see `page.html`.
        """
        return resources.files(type(self).__module__.rpartition(".")[0]).joinpath("page.js").read_text(encoding="utf-8")


def kind_of(task: "Task | ServedTask") -> Kind:
    """Returns the kind of a task."""
    return kind_named(task.kind)


@cache
def kind_named(name: str) -> Kind:
    """Returns the kind that is registered under a name.

    Raises:
        ConfigurationError: if there is no such kind.
    """
    return KINDS.get(name).build()
