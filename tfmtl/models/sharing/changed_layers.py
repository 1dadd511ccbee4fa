"""The base of sharing schemes that change the layers of the trunk for each task."""

from abc import abstractmethod
from collections.abc import Sequence

from tfmtl.models.layers.layer_change import LayerChange
from tfmtl.models.sharing.inside import SharingInside
from tfmtl.models.trunk import States


class ChangedLayers(SharingInside):
    """Base of schemes in which all tasks share the layers of the trunk, each with small changes of its own."""

    @abstractmethod
    def changes(self, task: str, tokens) -> Sequence[LayerChange]:
        """Returns what is different for a task in each layer of the trunk.

        Args:
            task: the name of the task.
            tokens: ids of the texts, int32 `[batch, length]`.
        """

    def read_texts(self, embedded, tokens, training=None) -> dict[str, States]:
        trunk = self.trunk
        begun = trunk.begin(embedded, tokens, training)
        return {
            task: trunk.end(*trunk.run(trunk.stack, begun, tokens, training, self.changes(task, tokens)))
            for task in self.tasks
        }
