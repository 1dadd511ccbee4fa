"""Projected attention layers (Stickland and Murray 2019)."""

import keras
from pydantic import Field, model_validator

from tfmtl.core.registry import SHARING, Options
from tfmtl.models.layers.attention import Attention
from tfmtl.models.layers.layer_change import LayerChange
from tfmtl.models.layers.tokens import token_mask
from tfmtl.models.sharing.changed_layers import ChangedLayers


class PALsOptions(Options):
    """Options of projected attention layers; the defaults are the paper's.

    Attributes:
        width: the width to which states are projected.
        heads: the number of attention heads in that width.
    """

    width: int = Field(204, ge=1)
    heads: int = Field(12, ge=1)

    @model_validator(mode="after")
    def _heads_divide_width(self):
        if self.width % self.heads:
            raise ValueError(f"'width' ({self.width}) must be a multiple of 'heads' ({self.heads})")
        return self


@SHARING.register("pals", options=PALsOptions)
@keras.saving.register_keras_serializable("tfmtl")
class PALsSharing(ChangedLayers):
    r"""Attention of each task in parallel to the shared layers of the trunk; a text is read once for each task.

    A task adds :math:`\mathrm{TS}(h) = V^D g(V^E h)` to the sum of a layer's sublayers (equation 2), where g is
    multi-head attention, and the projections :math:`V^E` and :math:`V^D` are the same in all layers of a task
    (section 3.1). :math:`V^D` is zero at first, so that each task begins with the trunk as it is.

    Difference from the paper: in a pre-norm trunk, nothing is normalised after the sum.

    Args:
        **kwargs: the arguments of `SharingScheme`, and `PALsOptions`.
    """

    options_class = PALsOptions

    def build_inside(self, layers: int, hidden: int) -> None:
        options, policy = self.options, self.dtype_policy
        inner = (None, None, options.width)
        self.down = {task: self._projection(f"{task}_down", options.width, hidden) for task in self.tasks}
        self.up = {task: self._projection(f"{task}_up", hidden, options.width) for task in self.tasks}
        self.attentions = {
            task: [Attention(options.heads, name=f"{task}_layer_{i}", dtype=policy) for i in range(layers)]
            for task in self.tasks
        }
        for of_task in self.attentions.values():
            for attention in of_task:
                attention.build(inner)

    def _projection(self, name: str, width: int, read: int) -> keras.layers.Dense:
        zeros = {"kernel_initializer": "zeros"} if name.endswith("_up") else {}
        dense = keras.layers.Dense(width, use_bias=False, name=name, dtype=self.dtype_policy, **zeros)
        dense.build((None, None, read))
        return dense

    def changes(self, task, tokens):
        down, up, mask = self.down[task], self.up[task], token_mask(tokens)[:, None, None, :]

        def beside(attention: Attention):
            def change(output, read):
                projected = down(read)
                return output + up(attention(projected, projected, mask))

            return change

        return [LayerChange(feedforward=beside(attention)) for attention in self.attentions[task]]

    def own_variables(self, task: str) -> list[keras.Variable]:
        layers = [self.down[task], self.up[task], *self.attentions[task]]
        return [variable for layer in layers for variable in layer.trainable_variables]
