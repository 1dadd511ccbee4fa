"""Upper layers of each task's own on a shared bottom."""

import keras
from pydantic import Field

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import SHARING, Options
from tfmtl.models.sharing.inside import SharingInside
from tfmtl.models.trunk import States


class TopsOptions(Options):
    """Options of tops.

    Attributes:
        layers: the number of upper layers that each task has for itself.
    """

    layers: int = Field(1, ge=1)


@SHARING.register("tops", options=TopsOptions)
@keras.saving.register_keras_serializable("tfmtl")
class TopsSharing(SharingInside):
    """The upper layers of the trunk are each task's own; the lower ones read a text once for all tasks.

    The first task has the trunk's own upper layers, and the others begin with copies of them, so that a pretrained
    trunk is pretrained for every task. The trunk's last normalisation is shared. What is written by a pretrained
    encoder's own layers is written by the first task's.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `TopsOptions`.

    Raises:
        ConfigurationError: if the trunk has no more layers than a task should have for itself.
    """

    options_class = TopsOptions

    def build_inside(self, layers: int, hidden: int) -> None:
        own = self.options.layers
        if own >= layers:
            raise ConfigurationError(f"model.sharing.layers: expected fewer than the trunk's {layers}, found {own}")
        self.tops = self.own_layers(list(self.trunk.stack[-own:]))

    def readings(self, tasks: int) -> float:
        return 1 + (tasks - 1) * self.options.layers / len(self.trunk.stack)

    def read_texts(self, embedded, tokens, training=None) -> dict[str, States]:
        trunk = self.trunk
        begun = trunk.begin(embedded, tokens, training)
        hidden, kept = trunk.run(trunk.stack[: -self.options.layers], begun, tokens, training)
        views = {}
        for task, top in self.tops.items():
            last, of_top = trunk.run(top, hidden, tokens, training)
            views[task] = trunk.end(last, (*kept, *of_top))
        return views

    def own_variables(self, task: str) -> list[keras.Variable]:
        # ALBERT's layers are one and the same, so that the bottom may have them too.
        below = {id(each) for layer in self.trunk.stack[: -self.options.layers] for each in layer.variables}
        of_task = (variable for layer in self.tops[task] for variable in layer.trainable_variables)
        return [variable for variable in of_task if id(variable) not in below]
