"""The head of a task that gives one answer for a whole text: pooling and an output layer."""

from typing import TYPE_CHECKING, Any

import keras
from keras import KerasTensor, ops

from tfmtl.core.registry import DESCRIPTORS
from tfmtl.models.layers.pooling import AttentionPooling
from tfmtl.models.layers.tokens import segment_ids, token_mask

if TYPE_CHECKING:
    from tfmtl.kinds.kind import HeadContext
    from tfmtl.kinds.task import Task


@keras.saving.register_keras_serializable("tfmtl")
class PooledHead(keras.layers.Layer):
    """An output layer on pooled states.

    The texts of a pair are pooled separately and compared as `[u; v; |u - v|; u * v]` (Mou et al. 2016; the GLUE
    baselines of Wang et al. 2018): states that have seen both texts carry what attention found, and the comparison adds
    what it did not.

    Args:
        outputs: the number of outputs for a text.
        pair: whether the task reads two texts.
        dropout: the rate before the output layer.
        pooling: a class of `tfmtl.models.layers.pooling`, or the name under which it is registered.
        common: the name of the head that the task shares with others; `None` if there is none.
    """

    def __init__(
        self,
        outputs: int,
        pair: bool = False,
        dropout: float = 0.0,
        pooling: type[keras.layers.Layer] | str = AttentionPooling,
        common: str | None = None,
        **kwargs,
    ):
        # The output of the common head must stay float32, in which it is added to this head's.
        super().__init__(autocast=False, **kwargs)
        self.outputs = outputs
        self.pair = pair
        self.rate = dropout
        self.common = common
        self._pooling_class = keras.saving.get_registered_object(pooling) if isinstance(pooling, str) else pooling

    def build(self, states_shape, tokens_shape=None, common_shape=None):
        policy, hidden = self.dtype_policy, states_shape[-1]
        self.pooling = self._pooling_class(name="pooling", dtype=policy)
        self.pooling.build(states_shape)
        self.dropout = keras.layers.Dropout(self.rate, name="dropout", dtype=policy)
        self.comparison = keras.layers.Dense(hidden, activation="tanh", name="comparison", dtype=policy)
        if self.pair:
            self.comparison.build((None, 4 * hidden))
        self.output_layer = keras.layers.Dense(self.outputs, name="output", dtype=policy)
        self.output_layer.build((None, hidden))

    def call(self, states, tokens, common=None, training=None) -> KerasTensor:
        """Returns float32 `[batch, outputs]`.

        Args:
            states: the states of the trunk, `[batch, length, hidden]`.
            tokens: ids of the source, int32 `[batch, length]`.
            common: the common head's output for the same texts, `[batch, outputs]`; `None` if the task has no such
                head.
            training: whether dropout is on.
        """
        features = self._compared(states, tokens) if self.pair else self.pooling(states, token_mask(tokens))
        own = ops.cast(self.output_layer(self.dropout(features, training=training)), "float32")
        return own if common is None else own + common

    def _compared(self, states, tokens):
        mask, segments = token_mask(tokens), segment_ids(tokens)
        first, second = (self.pooling(states, mask & (segments == segment)) for segment in (0, 1))
        features = [first, second, ops.abs(first - second), first * second]
        return self.comparison(ops.concatenate(features, axis=-1))

    @property
    def output_variables(self) -> list[keras.Variable]:
        """The trainable variables whose last axis is that of the outputs."""
        return self.output_layer.trainable_variables

    def get_config(self):
        pooling = keras.saving.get_registered_name(self._pooling_class)
        config = {
            "outputs": self.outputs,
            "pair": self.pair,
            "dropout": self.rate,
            "pooling": pooling,
            "common": self.common,
        }
        return {**super().get_config(), **config}


def common_pooled_head(outputs: int, task: "Task", context: "HeadContext", name: str) -> PooledHead:
    """Returns the common head of tasks with pooled heads: what generates their heads if they are described.

    Args:
        outputs: the number of outputs of each task.
        task: one of the tasks.
        context: the trunk and the options that the head is made for.
        name: the name of the layer.
    """
    arguments = pooled_arguments(task, context, name)
    if not context.descriptor:
        return PooledHead(outputs, **arguments)
    form = context.options.descriptors
    attributes = len(context.descriptor)
    return DESCRIPTORS.get(form.name).build(outputs, attributes, **form.options.model_dump(), **arguments)


def pooled_arguments(task: "Task", context: "HeadContext", name: str) -> dict[str, Any]:
    """Returns the arguments of a pooled head other than the number of its outputs.

    Args:
        task: the task that the head answers.
        context: the trunk and the options that the head is made for.
        name: the name of the layer.
    """
    return {
        "pair": task.text_pair is not None,
        "dropout": context.options.head_dropout,
        "pooling": context.trunk.pooling,
        "name": name,
        "dtype": context.trunk.dtype_policy,
    }
