"""Low-rank updates of each task beside the attention of a shared trunk (Hu et al. 2022)."""

import keras
from keras import ops
from pydantic import Field

from tfmtl.core.registry import SHARING, Options
from tfmtl.models.layers.layer_change import LayerChange
from tfmtl.models.sharing.changed_layers import ChangedLayers


class LoraPerTaskOptions(Options):
    """Options of low-rank updates.

    Attributes:
        rank: the rank of an update.
        alpha: an update is multiplied by `alpha / rank`.
    """

    rank: int = Field(8, ge=1)
    alpha: float = Field(16.0, gt=0.0, allow_inf_nan=False)


@SHARING.register("lora_per_task", options=LoraPerTaskOptions)
@keras.saving.register_keras_serializable("tfmtl")
class LoraPerTaskSharing(ChangedLayers):
    r"""A low-rank update of each task beside queries and values; a text is read once for each task.

    :math:`W x + \frac{\alpha}{r} B_t A_t x` (Hu et al. 2022, eq. 3, for each task t). :math:`B_t` is zero at first, so
    that each task begins with the trunk as it is.

    Difference from the paper: the trunk is trained too unless `model.encoder.frozen` is true.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `LoraPerTaskOptions`.
    """

    options_class = LoraPerTaskOptions

    def build_inside(self, layers: int, hidden: int) -> None:
        uniform, rank = keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5), self.options.rank

        def factors(name: str) -> tuple[keras.Variable, keras.Variable]:
            down = self.add_weight((hidden, rank), uniform, name=f"{name}_lora_a")
            return down, self.add_weight((rank, hidden), "zeros", name=f"{name}_lora_b")

        self.factors = {
            task: [[factors(f"{task}_layer_{i}_{part}") for part in ("query", "value")] for i in range(layers)]
            for task in self.tasks
        }

    def changes(self, task, tokens):
        return [LayerChange(*(self._update(*factors) for factors in parts)) for parts in self.factors[task]]

    def _update(self, down: keras.Variable, up: keras.Variable):
        scale = self.options.alpha / self.options.rank

        def change(output, read):
            compressed = ops.matmul(read, ops.cast(down, read.dtype))
            return output + ops.matmul(compressed, ops.cast(up, read.dtype)) * scale

        return change

    def own_variables(self, task: str) -> list[keras.Variable]:
        return [variable for parts in self.factors[task] for factors in parts for variable in factors]
