"""Hard parameter sharing (Caruana 1997)."""

from collections.abc import Sequence

import keras
from keras import KerasTensor

from tfmtl.core.registry import SHARING, Options


@SHARING.register("hard")
@keras.saving.register_keras_serializable("tfmtl")
class HardSharing(keras.layers.Layer):
    """Every task reads the same states of one trunk.

    A sharing scheme is the layer between the trunk and the heads, so what it learns is saved, trained and served with
    the model like any other layer.

    Args:
        options: the options, or a mapping of them.
        tasks: the names of the tasks.
    """

    def __init__(self, options: Options | dict, tasks: Sequence[str], **kwargs):
        super().__init__(**kwargs)
        self.options = Options.model_validate(options)
        self.tasks = list(tasks)

    def call(self, states, tokens) -> dict[str, KerasTensor]:
        """Returns what the head or decoder of each task reads, `[batch, length, hidden]`, by task.

        Args:
            states: of the trunk, `[batch, length, hidden]`.
            tokens: the ids that it has read, int32 `[batch, length]`.
        """
        return dict.fromkeys(self.tasks, states)

    def get_config(self):
        return {**super().get_config(), "options": self.options.model_dump(), "tasks": self.tasks}
