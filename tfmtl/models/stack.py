"""Trunks that are a stack of layers, between and inside which a sharing scheme can act."""

from abc import abstractmethod
from collections.abc import Sequence

import keras
from keras import KerasTensor

from tfmtl.models.layers.layer_change import UNCHANGED, LayerChange
from tfmtl.models.trunk import States, Trunk


class Stack(Trunk):
    """Base of trunks whose layers can be run one by one: `begin`, then `through` each layer, then `end`."""

    @property
    def is_stack(self) -> bool:
        return True

    @property
    @abstractmethod
    def stack(self) -> Sequence[keras.layers.Layer]:
        """The layers, in the order in which they are run; the trunk must have been built."""

    @abstractmethod
    def begin(self, embedded: KerasTensor, tokens: KerasTensor, training: bool | None = None) -> KerasTensor:
        """Returns the input of the first layer, `[batch, length, hidden]`, for the arguments of `call`."""

    @abstractmethod
    def through(
        self,
        layer: keras.layers.Layer,
        hidden: KerasTensor,
        tokens: KerasTensor,
        training: bool | None = None,
        change: LayerChange = UNCHANGED,
        seen: KerasTensor | None = None,
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        """Runs one layer.

        Args:
            layer: a layer of `stack`, or a copy of one.
            hidden: its input, `[batch, length, hidden]`.
            tokens: ids of the texts, int32 `[batch, length]`.
            training: whether dropout is on.
            change: what is different in the layer for one task.
            seen: which positions each one attends to, bool `[batch, length, length]`; `None` means all tokens of the
                texts. With it, the input may have further positions in front of the texts.

        Returns:
            The output `[batch, length, hidden]`, and what the layer keeps for writing behind the texts.
        """

    @abstractmethod
    def end(self, hidden: KerasTensor, context: Sequence[KerasTensor]) -> States:
        """Returns the states, given the output of the last layer and what all layers keep."""

    @abstractmethod
    def copied(self, layer: keras.layers.Layer, name: str) -> keras.layers.Layer:
        """Returns a built copy of a layer of `stack`, with the same weights and another name."""

    def run(
        self,
        layers: Sequence[keras.layers.Layer],
        hidden: KerasTensor,
        tokens: KerasTensor,
        training: bool | None = None,
        changes: Sequence[LayerChange] | None = None,
        seen: KerasTensor | None = None,
    ) -> tuple[KerasTensor, tuple[KerasTensor, ...]]:
        """Runs layers one after the other; returns the last output and all that they keep. See `through`."""
        kept: tuple[KerasTensor, ...] = ()
        for layer, change in zip(layers, changes or [UNCHANGED] * len(layers), strict=True):
            hidden, context = self.through(layer, hidden, tokens, training, change, seen)
            kept += context
        return hidden, kept
