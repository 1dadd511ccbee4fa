"""Cross-stitch networks (Misra et al. 2016)."""

import keras
import numpy as np
from keras import ops
from pydantic import Field

from tfmtl.core.registry import SHARING, Options
from tfmtl.models.sharing.inside import SharingInside
from tfmtl.models.trunk import States


class CrossStitchOptions(Options):
    """Options of cross-stitch units.

    Attributes:
        own: the share of a task's own states in a new unit; the others have equal parts of the rest.
    """

    own: float = Field(0.9, gt=0.0, le=1.0)


@SHARING.register("cross_stitch", options=CrossStitchOptions)
@keras.saving.register_keras_serializable("tfmtl")
class CrossStitchSharing(SharingInside):
    r"""A stack of layers for each task, whose states are mixed after each layer; a text is read once for each task.

    :math:`\tilde{x}_a = \sum_b \alpha_{ab} x_b` after each layer (equation 1, for any number of tasks). The first task
    has the layers of the trunk, and the others begin with copies of them.

    Differences from the paper: one coefficient for a pair of tasks in each layer, not one for each channel; the
    embedding and the last normalisation are shared; the coefficients learn at the rate of the heads.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `CrossStitchOptions`.
    """

    options_class = CrossStitchOptions

    def build_inside(self, layers: int, hidden: int) -> None:
        self.stacks = self.own_layers(list(self.trunk.stack))
        count, own = len(self.tasks), self.options.own
        rest = (1.0 - own) / max(count - 1, 1)
        begun = keras.initializers.Constant(np.where(np.eye(count, dtype=bool), own if count > 1 else 1.0, rest))
        self.units = [self.add_weight((count, count), begun, name=f"unit_{i}") for i in range(layers)]

    def read_texts(self, embedded, tokens, training=None) -> dict[str, States]:
        trunk = self.trunk
        hidden = [trunk.begin(embedded, tokens, training)] * len(self.tasks)
        kept: list[tuple] = [()] * len(self.tasks)
        for i, unit in enumerate(self.units):
            of_layer = [
                trunk.through(stack[i], states, tokens, training)
                for stack, states in zip(self.stacks.values(), hidden, strict=True)
            ]
            kept = [before + context for before, (_, context) in zip(kept, of_layer, strict=True)]
            stacked = ops.stack([states for states, _ in of_layer])
            mixed = ops.tensordot(ops.cast(unit, stacked.dtype), stacked, axes=1)
            hidden = ops.unstack(mixed, len(self.tasks))
        return {
            task: trunk.end(states, context) for task, states, context in zip(self.tasks, hidden, kept, strict=True)
        }
