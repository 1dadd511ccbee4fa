"""The base of sharing schemes that act inside the trunk, and read a text anew for each task."""

from abc import abstractmethod

import keras

from tfmtl.core.errors import ConfigurationError
from tfmtl.models.sharing.scheme import SharingScheme
from tfmtl.models.trunk import States


class SharingInside(SharingScheme):
    """Base of schemes that act between or inside the layers of a trunk, which must be a `tfmtl.models.stack.Stack`.

    Texts are written by decoders as behind any trunk; a pretrained encoder that writes with its own layers writes with
    those that all tasks share, which attend to the keys and values of the task's own reading.

    Args:
        **kwargs: the arguments of `SharingScheme`.

    Raises:
        ConfigurationError: if the trunk is not a stack of layers.
    """

    shares_states = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not self.trunk.is_stack:
            raise ConfigurationError(
                "model.sharing: this scheme acts inside the layers of the trunk, which requires the encoder "
                "'transformer', or a preset of an encoder that writes with its own layers, such as BERT"
            )

    def readings(self, tasks: int) -> float:
        return tasks

    def build_views(self, hidden: int) -> None:
        self.build_inside(len(self.trunk.stack), hidden)

    @abstractmethod
    def build_inside(self, layers: int, hidden: int) -> None:
        """Builds what the scheme adds to a trunk of so many layers, whose states are `hidden` wide."""

    @abstractmethod
    def read_texts(self, embedded, tokens, training: bool | None) -> dict[str, States]:
        """Returns each task's states of texts that are not longer than the trunk reads at once; see `call`."""

    def own_layers(self, layers: list[keras.layers.Layer]) -> dict[str, list[keras.layers.Layer]]:
        """Returns layers for each task: those of the trunk for the first one, copies of them for the others.

        Raises:
            ConfigurationError: if the trunk is frozen, or its layers cannot be copied.
        """
        if self.trunk.options.frozen is True:
            raise ConfigurationError("model.encoder.frozen: a task's own layers are trained; leave this out")
        first, *others = self.tasks
        owned = {first: layers}
        for task in others:
            owned[task] = [self.trunk.copied(layer, f"{task}_{i}") for i, layer in enumerate(layers)]
            self.copies += zip(owned[task], layers, strict=True)
        return owned

    def read(self, embedded, tokens, training=None) -> tuple[States, dict[str, States]]:
        views = self.trunk.in_windows(lambda *given: self.read_texts(*given, training=training), embedded, tokens)
        return next(iter(views.values())), views
