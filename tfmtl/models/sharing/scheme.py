"""The base of sharing schemes, which own the trunk and give each task a view of a text's states."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras

from tfmtl.core.registry import Options
from tfmtl.models.layers.options_layer import OptionsLayer
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.trunk import States, Trunk


class SharingScheme(OptionsLayer, ABC):
    """Base of the schemes by which tasks share parameters: `call(embedded, tokens) -> {task: States}`.

    A scheme owns the trunk and whatever it adds after or inside it. Its weights are saved, trained and served with the
    model like those of any other layer. A subclass registers itself in `tfmtl.core.registry.SHARING` with typed
    options, which are its keyword arguments.

    Args:
        trunk: the layer that reads a text, or its configuration.
        tasks: the names of the tasks, in their order.
        added: the names of tasks that were added to the trained model: the trunk's own states are their view.
        own_trunks: trunks of which each reads every text for some added tasks alone, with `tasks`, their names, and
            `trunk`, the layer or its configuration.
        pooled: the names of the tasks whose heads pool the states of a text; `None` means all tasks.
        **kwargs: the options of the scheme and the arguments of every Keras layer.

    Attributes:
        copies: pairs of a layer of the scheme and the trunk's layer whose copy it was at first.
    """

    options_class: ClassVar[type[Options]] = Options
    supports_instructions: ClassVar[bool] = False
    """Whether heads and decoders read the trunk's own states, behind which the trunk can read more tokens."""
    shares_states: ClassVar[bool] = True
    """Whether there are states of a text that all tasks' own are made of."""

    def __init__(
        self,
        trunk: Trunk | Mapping,
        tasks: Sequence[str],
        added: Sequence[str] = (),
        own_trunks: Sequence[Mapping[str, Any]] = (),
        pooled: Sequence[str] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.trunk = layer_of(trunk)
        self.tasks = list(tasks)
        self.added = list(added)
        self.pooled = list(tasks if pooled is None else pooled)
        self.copies: list[tuple[keras.layers.Layer, keras.layers.Layer]] = []
        self.own_trunks = [layer_of(own["trunk"]) for own in own_trunks]
        self.tasks_of_own = [list(own["tasks"]) for own in own_trunks]

    def add_trunk(self, trunk: Trunk, tasks: Sequence[str]) -> None:
        """Gives added tasks a trunk of their own, which is not built yet, before the scheme is built."""
        self.own_trunks = [*self.own_trunks, trunk]
        self.tasks_of_own = [*self.tasks_of_own, list(tasks)]

    def readings(self, tasks: int) -> float:
        """Returns how often a text is read for a number of tasks; schemes behind the trunk read it once for all.

        Reading it through a part of the layers counts as that part of a reading.
        """
        return 1

    def readings_for_all(self, tasks: int) -> float:
        """Returns how often a text is read for a number of tasks, of which some were added."""
        of_trunk = self.readings(min(tasks, len(self.tasks))) + bool(self.added and not self.shares_states)
        return of_trunk + len(self.own_trunks)

    def build(self, embedded_shape, tokens_shape=None):
        """Builds the trunk and, by `build_views`, what the scheme adds to it."""
        for trunk in (self.trunk, *self.own_trunks):
            if not trunk.built:
                trunk.build(embedded_shape, tokens_shape)
        self.build_views(self.trunk.states_width)

    def build_views(self, hidden: int) -> None:
        """Builds the layers that make the tasks' views of states that are `hidden` wide; by default there are none."""

    @abstractmethod
    def read(self, embedded, tokens, training=None) -> tuple[States, dict[str, States]]:
        """Returns the states that all tasks share and each task's own, without added tasks; see `call`.

        Of a scheme without `shares_states`, the first are those of its first task.
        """

    def read_for_all(self, embedded, tokens, training=None) -> tuple[States, dict[str, States]]:
        """Returns the result of `read` with the states of added tasks, for the arguments of `call`."""
        states, views = self.read(embedded, tokens, training=training)
        if self.added:
            plain = states if self.shares_states else self.trunk.read(embedded, tokens, training=training)
            views = {**views, **dict.fromkeys(self.added, plain)}
        for trunk, tasks in zip(self.own_trunks, self.tasks_of_own, strict=True):
            views = {**views, **dict.fromkeys(tasks, trunk.read(embedded, tokens, training=training))}
        return states, views

    def call(self, embedded, tokens, training=None) -> dict[str, States]:
        """Returns the input of each task's head or decoder, by task.

        Args:
            embedded: embeddings of the texts' tokens, `[batch, length, hidden]`.
            tokens: their ids, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        return self.read_for_all(embedded, tokens, training=training)[1]

    def shared_variables(self) -> list[keras.Variable]:
        """Returns the trainable variables that several tasks read through."""
        own = {id(variable) for task in self.tasks for variable in self.own_variables(task)}
        return [variable for variable in self.trainable_variables if id(variable) not in own]

    def own_variables(self, task: str) -> list[keras.Variable]:
        """Returns the trainable variables that belong to one task alone; none if all of them are shared."""
        return []

    def masked_variables(self, task: str) -> list[keras.Variable]:
        """Returns those of `own_variables` that are in the graphs of other tasks, but kept from them by a mask."""
        return []

    def get_config(self):
        return {
            **super().get_config(),
            "trunk": layer_config(self.trunk),
            "tasks": self.tasks,
            "added": self.added,
            "pooled": self.pooled,
            "own_trunks": [
                {"trunk": layer_config(trunk), "tasks": tasks}
                for trunk, tasks in zip(self.own_trunks, self.tasks_of_own, strict=True)
            ],
        }
