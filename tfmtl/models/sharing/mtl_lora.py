"""Low-rank updates that tasks share, each in a way of its own (MTL-LoRA, Yang et al. 2024)."""

import keras
from keras import ops
from pydantic import Field

from tfmtl.core.registry import SHARING
from tfmtl.models.layers.layer_change import LayerChange
from tfmtl.models.sharing.changed_layers import ChangedLayers
from tfmtl.models.sharing.lora_per_task import LoraPerTaskOptions


class MTLLoraOptions(LoraPerTaskOptions):
    """Options of shared low-rank updates; those of an update are in `LoraPerTaskOptions`.

    Attributes:
        updates: the number of matrices B that tasks mix.
        temperature: the temperature of the softmax by which they are mixed.
    """

    updates: int = Field(3, ge=1)
    temperature: float = Field(0.5, gt=0.0, allow_inf_nan=False)


@SHARING.register("mtl_lora", options=MTLLoraOptions)
@keras.saving.register_keras_serializable("tfmtl")
class MTLLoraSharing(ChangedLayers):
    r"""Low-rank updates beside queries and values that tasks transform and mix; a text is read once for each task.

    :math:`W x + \frac{\alpha}{r} \sum_i \operatorname{softmax}(w_t / \tau)_i B_i \Lambda_t A x`: all tasks share A and
    the :math:`B_i`; a task has the matrix :math:`\Lambda_t` `[rank, rank]` and the weights :math:`w_t`.
    :math:`\Lambda_t` is the identity and the :math:`B_i` are zero at first, so that each task begins with the trunk as
    it is.

    Difference from the paper: the trunk is trained too unless `model.encoder.frozen` is true.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `MTLLoraOptions`.
    """

    options_class = MTLLoraOptions

    def build_inside(self, layers: int, hidden: int) -> None:
        self.places = [[f"layer_{i}_{part}" for part in ("query", "value")] for i in range(layers)]
        names = [name for of_layer in self.places for name in of_layer]
        rank, updates = self.options.rank, self.options.updates
        uniform = keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5)
        self.down = {name: self.add_weight((hidden, rank), uniform, name=f"{name}_lora_a") for name in names}
        self.up = {name: self.add_weight((updates, rank, hidden), "zeros", name=f"{name}_lora_b") for name in names}
        identity = keras.initializers.Identity()
        self.transforms = {
            task: {name: self.add_weight((rank, rank), identity, name=f"{task}_{name}_transform") for name in names}
            for task in self.tasks
        }
        self.mixtures = {
            task: {name: self.add_weight((updates,), "zeros", name=f"{task}_{name}_mixture") for name in names}
            for task in self.tasks
        }

    def changes(self, task, tokens):
        return [LayerChange(*(self._update(task, name) for name in of_layer)) for of_layer in self.places]

    def _update(self, task: str, name: str):
        options = self.options

        def change(output, read):
            mixture = ops.cast(self.mixtures[task][name], "float32") / options.temperature
            up = ops.tensordot(ops.softmax(mixture), ops.cast(self.up[name], "float32"), axes=1)
            # [rank, hidden]: small, so that a text is multiplied by matrices of the rank only.
            own = ops.matmul(ops.cast(self.transforms[task][name], "float32"), up) * (options.alpha / options.rank)
            compressed = ops.matmul(read, ops.cast(self.down[name], read.dtype))
            return output + ops.matmul(compressed, ops.cast(own, read.dtype))

        return change

    def own_variables(self, task: str) -> list[keras.Variable]:
        return [*self.transforms[task].values(), *self.mixtures[task].values()]
