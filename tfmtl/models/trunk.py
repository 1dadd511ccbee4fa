"""The base of trunks: layers that read a text for all tasks and, if they are causal, may also continue it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal, NamedTuple

import keras
from keras import KerasTensor
from pydantic import Field

from tfmtl.config.learning_rates import LearningRates
from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import Options
from tfmtl.data.packing import Overflow, Packing
from tfmtl.models.layers.options_layer import OptionsLayer
from tfmtl.models.layers.pooling import AttentionPooling
from tfmtl.models.layers.windows import joined_windows, read_in_windows


class States(NamedTuple):
    """The output of a trunk for a batch of texts.

    Attributes:
        last: the states that heads and copying read, `[batch, length, hidden]`.
        context: the states that the trunk's own layers need to continue the text, such as the input of each layer,
            `[batch, length, hidden]` each; empty if the trunk does not write.
        pooled: what heads of one answer for a whole text read in the place of pooled states, one tensor
            `[batch, hidden]`; empty if they pool the states.
    """

    last: KerasTensor
    context: tuple[KerasTensor, ...] = ()
    pooled: tuple[KerasTensor, ...] = ()


class TrunkOptions(Options):
    """Base of the options of trunks; a subclass must define `max_length`.

    Attributes:
        text_overflow: what is cut from a text that is longer than `max_length`: its `end`, its `start`, or its middle
            (`head_tail`: the first quarter of what is kept is the beginning, the rest the end); `windows` reads the
            whole text in windows of `max_length` tokens, over whose states heads pool and decoders attend.
        windows: the maximum number of windows of a text, with `text_overflow: windows`; what is behind them is cut.
        frozen: whether the trunk and the embedding keep the weights of a preset or of the run that the training starts
            from; `embedding` keeps only those of the latter, which are often half of all weights.
        layer_decay: the factor of a layer's learning rate for each layer above it (Howard and Ruder 2018); 1 trains all
            layers alike.
    """

    text_overflow: Overflow = "end"
    windows: int = Field(8, ge=1)
    frozen: Literal["embedding"] | bool = False
    layer_decay: float = Field(1.0, gt=0.0, le=1.0)

    @property
    def packing(self) -> Packing:
        """How the tokens of texts become the rows that the trunk reads."""
        return Packing(self.max_length, self.text_overflow, self.windows)

    @property
    def own_tokenizer(self) -> dict[str, str] | None:
        """The section of the only tokenizer that fits the trunk; `None` if the trunk can learn any tokens."""
        return None

    @property
    def pretrained_from(self) -> str | None:
        """The preset of the trunk; `None` if the trunk is not pretrained."""
        return None

    @property
    def learning_rates(self) -> float | LearningRates:
        """The learning rates that an experiment has by default, one for all parts of the network or one for each."""
        return 1e-3


class Trunk(OptionsLayer, ABC):
    """Base of the trunks that tasks share: `call(embedded, tokens) -> States`.

    A subclass registers itself in `tfmtl.core.registry.ENCODERS` with typed options, whose defaults and bounds are
    those of its keyword arguments. Besides `call`, it must define `decoder`.

    Attributes:
        pooling: the class of the layer with which a head pools the states of a text into one vector.
        is_pretrained: whether its weights are those of a preset before it is trained.
        context_axis: the axis of a text's positions in the tensors of the context.
    """

    options_class: ClassVar[type[TrunkOptions]] = TrunkOptions
    pooling: type[keras.layers.Layer] = AttentionPooling
    is_pretrained: ClassVar[bool] = False
    context_axis: ClassVar[int] = 1

    def read(self, embedded: KerasTensor, tokens: KerasTensor, training: bool | None = None) -> States:
        """Reads texts as `call` does or, with `text_overflow: windows`, those that are longer than `max_length` too.

        A window sees only itself (parallel context windows, Ratner et al. 2023); the states and the context are those
        of all windows, one after the other.

        Args:
            embedded: embeddings of the texts' tokens, `[batch, length, width]`.
            tokens: their ids, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        return self.in_windows(lambda *given: {"": self(*given, training=training)}, embedded, tokens)[""]

    def in_windows(
        self,
        read: Callable[[KerasTensor, KerasTensor], dict[str, States]],
        embedded: KerasTensor,
        tokens: KerasTensor,
    ) -> dict[str, States]:
        """Returns what `read` returns for texts of any length, read in windows with `text_overflow: windows`."""
        if self.options.text_overflow != "windows":
            return read(embedded, tokens)
        window = self.options.max_length

        def whole(found: KerasTensor, axis: int) -> KerasTensor:
            return joined_windows(found, tokens, window, axis)

        return {
            task: States(whole(states.last, 1), tuple(whole(each, self.context_axis) for each in states.context))
            for task, states in read_in_windows(read, embedded, tokens, window).items()
        }

    @property
    def is_stack(self) -> bool:
        """Whether its layers can be run one by one; see `tfmtl.models.stack.Stack`."""
        return False

    @property
    def reads_behind(self) -> bool:
        """Whether it is causal, and reads what follows a text given the context of the text's states."""
        return False

    @property
    def reads_windows(self) -> bool:
        """Whether it can read a text in windows that do not see each other."""
        return True

    @abstractmethod
    def decoder(self, layers: int, dropout: float | None, max_length: int, **kwargs) -> keras.layers.Layer:
        """Returns the layer that one generating task owns: a decoder, or its addition to a trunk that writes.

        Args:
            layers: the number of layers of a new decoder.
            dropout: the dropout rate of a new decoder; `None` means the trunk's own.
            max_length: the maximum number of tokens that are written.
            **kwargs: the arguments of the layer as a Keras layer, such as its name.
        """

    def writer(self, decoder: keras.layers.Layer):
        """Returns the writer that continues texts, given the layer that `decoder` made; by default that layer itself.

        The writer is called as `writer(embedded, states, tokens)`, and has `keys_and_values(states)`,
        `initial_cache(states, tokens)`, `step(...)` and `max_length`; see `tfmtl.models.decoders.transformer`.
        """
        return decoder

    @property
    def width(self) -> int:
        """The width of the embeddings that the trunk reads; by default its option `hidden`."""
        return self.options.hidden

    @property
    def states_width(self) -> int:
        """The width of the states that the trunk returns; by default the same as `width`."""
        return self.width

    @property
    def can_write(self) -> bool:
        """Whether its decoders write sentences before they have been trained."""
        return False

    @property
    def tied(self) -> bool:
        """Whether tokens are written with the same embedding that they are read with."""
        return True

    @property
    def logit_soft_cap(self) -> float | None:
        """The bound of the logits of tokens, beyond which they are squashed (Gemma 2); `None` if there is none."""
        return None

    def check_words(self, length: int, place: str) -> None:
        """Checks that the trunk can read so many tokens behind a text; by default it can read none.

        Args:
            length: the number of tokens of an instruction or of the words of a label.
            place: the place in the configuration that asks for them.

        Raises:
            ConfigurationError: if it cannot.
        """
        raise ConfigurationError(
            f"{place}: this encoder cannot read an instruction after the text; a pretrained one that writes with its "
            "own layers can"
        )

    def load_pretrained_rows(self, embedding: keras.layers.Layer) -> None:
        """Changes the initial embedding of a new, built model; by default it leaves the embedding as it is."""

    def merge_updates(self) -> None:
        """Adds updates that are kept beside weights to these, before a model is served; by default there are none."""

    def freeze(self, embedding: keras.layers.Layer) -> None:
        """Stops the training of what the option `frozen` names; the trunk and the embedding must have been built."""
        if self.options.frozen:
            embedding.trainable = False
        if self.options.frozen is True:
            self.trainable = False

    def depths(self) -> dict[int, int]:
        """Returns the depths of variables by their ids: 1 in the lowest layer; variables without one lie below it."""
        return {id(each): depth for depth, layer in enumerate(self.layers, 1) for each in layer.variables}

    def rates(self) -> dict[str, float]:
        """Returns factors of the learning rate by the paths of variables; a variable without one has a factor of 1.

        With `layer_decay`, they are ELECTRA's fine-tuning rates (Clark et al. 2020, appendix B); the embedding lies
        below all layers.
        """
        decay, known, depths = self.options.layer_decay, self.depths(), {"embedding/embeddings": 0}
        depths |= {variable.path: known.get(id(variable), 0) for variable in self.trainable_variables}
        top = max(depths.values()) + 1
        return {path: decay ** (top - depth) for path, depth in depths.items()} if decay < 1 else {}
