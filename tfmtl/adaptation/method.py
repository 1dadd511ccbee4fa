"""The base of methods by which a trained run learns a new task."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tfmtl.adaptation.features import Features
from tfmtl.config.adaptation import AdaptationOptions
from tfmtl.config.experiment import Experiment
from tfmtl.data.streams import Examples
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import Answer
from tfmtl.kinds.task import Task
from tfmtl.models.multi_task_model import MultiTaskModel


@dataclass(frozen=True)
class Start:
    """What a method begins with.

    Attributes:
        reader: the reader of the trained run, whose model is not changed.
        experiment: the experiment of the adapted run.
        features: the vectors of texts, which are kept: several draws of rows read a text once.
    """

    reader: Reader
    experiment: Experiment
    features: Features


@dataclass(frozen=True)
class Learned:
    """What a method has made.

    Attributes:
        model: the model that answers old and new tasks.
        report: what the method has found out, as JSON values.
        answer: a quicker way to answer a task about rows; `None` if the model has to read them.
    """

    model: MultiTaskModel
    report: dict[str, Any] = field(default_factory=dict)
    answer: Callable[[Task, Examples], Answer] | None = None


class AdaptationMethod(ABC):
    """Base of the methods; a subclass registers itself in `tfmtl.core.registry.ADAPTATION` with typed options.

    Args:
        options: the options of the method.
    """

    learns_from_rows: ClassVar[bool] = True
    """Whether the method reads rows of a task; the others make its head from its descriptor."""

    def __init__(self, options: AdaptationOptions):
        self.options = options

    @abstractmethod
    def check(self, task: Task, start: Start) -> None:
        """Checks that the method can learn a task on the trunk of the run, before any text is read.

        Raises:
            ConfigurationError: if it cannot.
        """

    @abstractmethod
    def learn(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> Learned:
        """Returns the model that has learned.

        Args:
            start: what it begins with.
            tasks: the tasks to learn, with their label sets, by name.
            rows: the rows to learn each from, all of which have a target of it.
        """
