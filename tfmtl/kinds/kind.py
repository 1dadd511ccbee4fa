"""The interface of a task kind: all that the rest of the package asks of a task because of what it learns and says.

A kind is a folder `tfmtl/kinds/<kind>/` whose `__init__.py` imports a subclass of `Kind`, registered in `KINDS`
together with the options of its tasks. Nothing outside the folder knows its name: tables, network, training,
evaluation, export and server go through the methods here, in the order in which a batch meets them.
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

from tfmtl.core.registry import KINDS
from tfmtl.data.columns import Column, DenseColumn
from tfmtl.data.rows import Rows
from tfmtl.kinds.task import Task

if TYPE_CHECKING:
    import keras

    from tfmtl.config.options import GenerationOptions, ModelOptions
    from tfmtl.data.streams import Examples
    from tfmtl.metrics.metric import Metric
    from tfmtl.models.trunk import Trunk
    from tfmtl.serving.export.served_task import ServedTask
    from tfmtl.training.losses import TaskLoss

Predictions = np.ndarray | Sequence[Any]
"""What metrics compare with the targets, the first axis being the rows."""

Answer = Mapping[str, Any]
"""By the suffixes of a kind's `outputs`, tensors or arrays `[batch, ...]`."""

Corrupt = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""From tokens int32 `[rows, length]` and a seed `[2]` to the tokens that are read and those that are written."""


@dataclass(frozen=True)
class HeadContext:
    """What a new head is made for.

    Attributes:
        trunk: whose states it reads.
        options: of the network.
        targets: of the training split; `None` where the task has no column.
    """

    trunk: "Trunk"
    options: "ModelOptions"
    targets: Column | None


class Kind(ABC):
    """What tasks of one kind learn from and say.

    A kind has no state: each method is given the task, with its label set wherever it has one.
    """

    outputs: ClassVar[tuple[str, ...]] = ()
    """The suffixes of a signature's outputs: `<task>_<suffix>`."""
    predicts: ClassVar[str] = ""
    """The form of the predictions, which a metric must measure; see `tfmtl.metrics.metric`."""
    own_metrics: ClassVar[Mapping[str, type["Metric"]]] = {}
    """Metrics that measure tasks of this kind alone, by name; they go before those of `tfmtl.metrics`."""
    rest_action: ClassVar[str] = ""
    """The action of TensorFlow Serving's REST interface that answers a task of this kind, beside `predict`."""
    corrupts: ClassVar[bool] = False
    """Whether a task reads texts of its own making: `corrupt` changes them each time they are read."""

    # Data

    def label_set(self, task: Task) -> tuple[str, ...]:
        """Returns the labels of a task in the order of their probabilities; none where it has none, or not yet."""
        return ()

    def needs_train(self, task: Task) -> bool:
        """Returns whether something of the task itself is taken from the training split."""
        return False

    def resolved(self, task: Task, train: Rows | None) -> Task:
        """Returns the task with what is taken from the training split, such as its label set.

        Args:
            task: as configured.
            train: the rows of the training split; needed only where `needs_train(task)`.

        Raises:
            DataError: where the task cannot be learned from them.
        """
        return task

    @abstractmethod
    def encode(self, task: Task, rows: Rows) -> np.ndarray:
        """Returns the targets `[rows, ...]` of the task's `target_fields`; see `tfmtl.data.columns`.

        Raises:
            DataError: for the first value that the task cannot learn from, with its place.
        """

    def column(self, task: Task, targets: np.ndarray, tokenizer) -> Column:
        """Returns what the model learns from, of what `encode` returned."""
        return DenseColumn(targets)

    def corrupt(self, task: Task) -> Corrupt:
        """Returns what changes a text each time it is read; of kinds that say so by `corrupts`."""
        raise TypeError(f"tasks of kind '{task.kind}' read texts as they are")

    def training_texts(self, target: Any) -> Iterable[str]:
        """Returns the texts of one row's target that a tokenizer should learn from."""
        return ()

    def check(self, task: Task, generation: "GenerationOptions") -> None:  # noqa: B027 - most kinds have nothing to check
        """Checks what the configuration says of a task by its labels, and how it is to be generated.

        Raises:
            ConfigurationError: where it does not fit; before anything is trained or written.
        """

    # Network and loss

    @abstractmethod
    def head(self, task: Task, context: HeadContext, common: str | None = None) -> "keras.layers.Layer":
        """Returns the task's head, not built yet, under the task's name.

        Args:
            task: with its label set.
            context: what it is made for.
            common: the name of the head that the task has in common with others.
        """

    def common_head_key(self, task: Task) -> Hashable | None:
        """Returns what tasks that can have a head in common agree in; `None` where there is no such head."""
        return None

    def common_head(self, task: Task, context: HeadContext, name: str) -> "keras.layers.Layer":
        """Returns the head, under its own name, that a task has in common with others of the same key."""
        raise TypeError(f"tasks of kind '{task.kind}' have no head in common")

    def linear_classes(self, task: Task) -> int:
        """Returns how many classes a linear expert tells apart, its targets being theirs; 0 where there is none."""
        return 0

    def class_weights(self, task: Task, targets: Column) -> np.ndarray:
        """Returns what the loss of a row of each class is multiplied by, `[classes]`.

        Args:
            task: with its label set.
            targets: of the training split.
        """
        raise TypeError(f"tasks of kind '{task.kind}' have no classes")

    def target_length(self, task: Task, text_length: int) -> int:
        """Returns the most tokens that a decoder reads or writes for the task, of texts of at most `text_length`."""
        raise TypeError(f"tasks of kind '{task.kind}' are not written")

    def decoder(self, task: Task, **kwargs) -> "keras.layers.Layer | None":
        """Returns what takes a decoder's place, given `name` and `dtype`; `None` where the trunk's own writes."""
        return None

    @abstractmethod
    def loss(self, task: Task, targets: Column | None) -> "TaskLoss":
        """Returns the task's loss.

        Args:
            task: with its label set.
            targets: of the training split; `None` where the task has no column.
        """

    @abstractmethod
    def probe_targets(self, task: Task) -> tuple[Any, Any]:
        """Returns two targets of a row that give two losses, by which the routing of targets to heads is checked."""

    # Answers

    def answer(self, task: Task, said: tf.Tensor, head: "keras.layers.Layer") -> dict[str, tf.Tensor]:
        """Returns the outputs `[batch, ...]` by their suffixes, in graph.

        Args:
            task: with its label set.
            said: the head's output `[batch, ...]`; of a task that generates, the texts string `[batch]`.
            head: the task's own.
        """
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    def predictions(self, answer: Answer) -> Predictions:
        """Returns what metrics read of an answer's arrays, `[rows, ...]`."""
        return answer[self.outputs[-1]]

    def calibrate(self, task: Task, head: "keras.layers.Layer", targets: np.ndarray, answer: Answer) -> Answer:
        """Lets a head choose what it keeps of the validation split, such as thresholds, after each epoch.

        Args:
            task: with its label set.
            head: the task's own, whose variables may be assigned.
            targets: of the validation split, `[rows, ...]`.
            answer: arrays of the same rows.

        Returns:
            The answer as the head gives it from now on.
        """
        return answer

    def as_json(self, answer: Answer, row: int, labels: Sequence[str]) -> dict[str, Any]:
        """Returns the answer to one row as JSON values.

        Args:
            answer: arrays, strings decoded.
            row: its index.
            labels: the label set of the task.
        """
        raise TypeError(f"{type(self).__name__} answers nothing")

    def from_json(self, task: Task, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Returns the arrays of which `as_json` made `answers`, one a row."""
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    def target_as_json(self, task: Task, target: Any) -> Any:
        """Returns one row's target as a JSON value."""
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    def targets_from_json(self, task: Task, targets: Sequence[Any]) -> Predictions:
        """Returns the targets `[rows, ...]` of which `target_as_json` made `targets`."""
        raise TypeError(f"tasks of kind '{task.kind}' are not answered")

    # Evaluation and reports

    def baselines(self, task: Task, train: "Examples", asked: "Examples") -> dict[str, Answer]:
        """Returns the answers of simple systems to `asked`, by their names.

        Args:
            task: with its label set.
            train: rows of the training split, all with a target.
            asked: rows that are asked.
        """
        return {}

    def pooled_baselines(
        self, domains: Mapping[str, tuple[Task, "Examples", "Examples"]]
    ) -> dict[str, dict[str, Answer]]:
        """Returns the answers of simple systems that learn from several tasks with the same `common_head_key`.

        Args:
            domains: each task with its rows, as of `baselines`, by its name.

        Returns:
            By the name of the system and that of the task.
        """
        return {}

    def report_section(self, task: Task, result: Any, folder: Path) -> list[str]:
        """Returns the lines of a run's report about one task, all of whose rows have a target.

        Args:
            task: with its label set.
            result: a `tfmtl.reports.task_result.TaskResult`.
            folder: of the run; plots go into its `plots`.
        """
        return []

    # Serving

    def rest_result(self, answer: Answer, labels: Sequence[str]) -> list[Any]:
        """Returns what `rest_action` answers, a JSON value a row.

        Args:
            answer: arrays, strings decoded.
            labels: the label set of the task.
        """
        raise TypeError(f"{type(self).__name__} has no REST action of its own")

    @property
    def page_script(self) -> str:
        """JavaScript, an expression: the function by which the server's page shows an answer.

        It is called as `(parent, task, answer, name)`, with `add(parent, tag, text, class)` at hand; see `page.html`.
        """
        return resources.files(type(self).__module__.rpartition(".")[0]).joinpath("page.js").read_text(encoding="utf-8")


def kind_of(task: "Task | ServedTask") -> Kind:
    """Returns the kind of a task."""
    return kind_named(task.kind)


@cache
def kind_named(name: str) -> Kind:
    """Returns a kind by the name under which it is registered.

    Raises:
        ConfigurationError: where there is no such kind.
    """
    return KINDS.get(name).build()
