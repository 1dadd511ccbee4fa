"""What a task changes inside the layers that it shares with other tasks."""

from collections.abc import Callable
from typing import NamedTuple

from keras import KerasTensor


def unchanged(output: KerasTensor, read: KerasTensor) -> KerasTensor:
    """Returns the output of a part of a layer as it is."""
    return output


class LayerChange(NamedTuple):
    """The changes of one Transformer layer, each a function of a part's output and of what the part or layer has read.

    All tensors are `[batch, length, width]`.

    Attributes:
        query: changes the queries, before they are split over heads, given what they are projected from.
        value: changes the values, likewise.
        attention: changes the output of the attention before it is added, given the input of the layer.
        feedforward: changes the output of the feed-forward network before it is added, given the input of the layer.
    """

    query: Callable[[KerasTensor, KerasTensor], KerasTensor] = unchanged
    value: Callable[[KerasTensor, KerasTensor], KerasTensor] = unchanged
    attention: Callable[[KerasTensor, KerasTensor], KerasTensor] = unchanged
    feedforward: Callable[[KerasTensor, KerasTensor], KerasTensor] = unchanged


UNCHANGED = LayerChange()
