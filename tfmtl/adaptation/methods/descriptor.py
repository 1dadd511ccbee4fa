"""A head that is generated from the descriptor of a new task, without any row (Yang and Hospedales 2015)."""

from collections.abc import Mapping

from tfmtl.adaptation.method import AdaptationMethod, Learned, Start
from tfmtl.config.adaptation import AdaptationOptions
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import ADAPTATION
from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import HeadContext, kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.added_heads import with_heads
from tfmtl.models.descriptors.vectors import descriptor_vectors


@ADAPTATION.register("descriptor", options=AdaptationOptions)
class Descriptor(AdaptationMethod):
    """The head that the run has learned to generate from descriptors, for a task or domain that it has never seen.

    It learns from no row: zero-shot domain adaptation. The run must have been trained with `model.descriptors`.
    """

    learns_from_rows = False

    def check(self, task: Task, start: Start) -> None:
        self._generator(task, start)

    def learn(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> Learned:
        options, trunk = start.experiment.model, start.reader.model.network.layers.sharing.trunk
        vectors = descriptor_vectors(tasks, options, start.reader.tokenizer)
        heads = {
            name: kind_of(task).head(
                task, HeadContext(trunk, options, None, descriptor=vectors[name]), self._generator(task, start)
            )
            for name, task in tasks.items()
        }
        return Learned(with_heads(start.reader.model, heads), {name: {"rows": 0} for name in tasks})

    @staticmethod
    def _generator(task: Task, start: Start) -> str:
        """Returns the name of what generates the heads of the run's tasks with the labels of a new one.

        Raises:
            ConfigurationError: if there is none.
        """
        place = f"tasks.{task.name}"
        if task.descriptor is None:
            raise ConfigurationError(f"{place}: 'descriptor' is missing, from which its head is generated")
        key = kind_of(task).common_head_key(task)
        for name, old in start.reader.tasks.items():
            if old.descriptor is not None and kind_of(old).common_head_key(old) == key:
                return start.reader.model.network.layers.heads[name].common
        raise ConfigurationError(
            f"{place}: the run has no described task of kind '{task.kind}' with the same labels; 'tfmtl train' with "
            "'model.descriptors' learns to generate heads"
        )
