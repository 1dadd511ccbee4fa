"""A frozen dense layer with a trained update of low rank beside it (LoRA)."""

import math

import keras
from keras import KerasTensor, ops

from tfmtl.models.layers.kernel_axes import kernel_axes
from tfmtl.models.layers.name_scopes import name_scopes

_RANK = "Z"
"""The letter of the rank in equations; KerasHub's use small letters."""


class LowRankUpdate(keras.layers.Layer):
    """LoRA (Hu et al. 2022, eq. 3): `h = W x + alpha / rank * B A x`, where `W` is frozen and `A`, `B` are trained.

    The sum of both kernels is never formed in training: the product with `A` and `B` is of low rank, and the backward
    pass computes no gradient for `W`. A kernel of attention with an axis for the heads is treated as one matrix, so
    that `A` has `rank` columns in all and not for each head. `B` is zero at first, so that nothing changes before the
    first update.

    Args:
        base: the built layer, whose kernel and bias stay as they are.
        rank: the rank of the update.
        alpha: the update is multiplied by `alpha / rank`.

    Raises:
        ValueError: if the kernel is no matrix, or one of a smaller rank.
    """

    def __init__(self, base: keras.layers.Dense | keras.layers.EinsumDense, rank: int, alpha: float, **kwargs):
        super().__init__(dtype=base.dtype_policy, **kwargs)
        self.base = base
        self._scale = alpha / rank
        # The update belongs inside of the activation, which is therefore applied here.
        self.activation, base.activation = base.activation, keras.activations.linear
        self._kernel_axes, read, written = kernel_axes(base)
        sizes = dict(zip(self._kernel_axes, base.kernel.shape, strict=True))
        self._down, self._up = f"{read}{_RANK}", f"{_RANK}{written}"
        sides = [math.prod(sizes[axis] for axis in side) for side in (read, written)]
        if rank > min(sides):
            raise ValueError(f"a kernel of {sides[0]} x {sides[1]} has no update of rank {rank}")
        # The factors have paths of their own, below that of the kernel.
        with name_scopes(base.path):
            shape = [sizes[axis] for axis in read]
            self.down = self.add_weight((*shape, rank), _uniform(shape), name="lora_a")
            self.up = self.add_weight((rank, *(sizes[axis] for axis in written)), "zeros", name="lora_b")
        for variable in base.variables:
            variable.trainable = False
        self.built = True

    def call(self, inputs) -> KerasTensor:
        """Returns what the layer returned before, with the update."""
        compressed = ops.tensordot(inputs, self.down, axes=len(self._down) - 1)
        return self.activation(self.base(inputs) + ops.tensordot(compressed, self.up, axes=1) * self._scale)

    def merged(self) -> keras.layers.Layer:
        """Returns the base with the update in its kernel; the layer must not be used any more."""
        update = ops.einsum(f"{self._down},{self._up}->{self._kernel_axes}", self.down, self.up)
        self.base.kernel.assign_add(update * self._scale)
        self.base.activation = self.activation
        return self.base


def _uniform(shape) -> keras.initializers.Initializer:
    """Returns the initializer of PyTorch's linear layers, with which the reference implementation draws `A`."""
    bound = 1.0
    for size in shape:
        bound /= size**0.5
    return keras.initializers.RandomUniform(-bound, bound)
