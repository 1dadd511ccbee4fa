"""The network: how tokens become states, and states the answers of every task.

This is the only description of the forward pass. Training runs it as a functional Keras model, which `functional`
makes of it; generation, evaluation and export call its methods in graphs of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import keras_hub
from keras import KerasTensor

from tfmtl.data.tables import Slice, target_name
from tfmtl.models.layers.linear_experts import LinearExperts
from tfmtl.models.layers.logit_average import LogitAverage
from tfmtl.models.layers.pointer_generator import PointerGeneratorHead
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.sharing.scheme import SharingScheme
from tfmtl.models.trunk import States


def network_output(task: str) -> str:
    """Returns the name of the output of a task's head alone, where the task has a linear expert too."""
    return f"{task}_network"


class Encoded(NamedTuple):
    """A batch of texts that has been read.

    Attributes:
        tokens: int32 `[batch, length]`.
        embedded: `[batch, length, width]`.
        states: of each task, by its name.
    """

    tokens: KerasTensor
    embedded: KerasTensor
    states: dict[str, States]


@dataclass(frozen=True)
class Layers:
    """The layers of a network.

    Attributes:
        embedding: of tokens; also what turns the states of decoders into logits.
        sharing: owns the trunk.
        heads: of each task, by its name.
        common_heads: heads that several tasks have in common, by their own names.
        decoders: what writes, by the name of the task that it belongs to.
        linear_experts: linear models beside the heads; `None` where there are none.
        average: makes one answer of a head's and a linear expert's.
    """

    embedding: keras_hub.layers.ReversibleEmbedding
    sharing: SharingScheme
    heads: dict[str, keras.layers.Layer]
    common_heads: dict[str, keras.layers.Layer]
    decoders: dict[str, keras.layers.Layer]
    linear_experts: LinearExperts | None
    average: LogitAverage

    def as_config(self, **changes) -> dict[str, Any]:
        """Returns the configurations of all layers, each with some keys changed."""

        def config(layer: keras.layers.Layer) -> dict[str, Any]:
            return _changed(layer_config(layer), changes)

        def configs(layers: Mapping[str, keras.layers.Layer]) -> dict[str, Any]:
            return {name: config(layer) for name, layer in layers.items()}

        return {
            "embedding": config(self.embedding),
            "sharing": _changed(layer_config(self.sharing), {**changes, "trunk": config(self.sharing.trunk)}),
            "heads": configs(self.heads),
            "common_heads": configs(self.common_heads),
            "decoders": configs(self.decoders),
            "linear_experts": config(self.linear_experts) if self.linear_experts else None,
            "average": config(self.average),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Layers":
        """Returns the layers that `as_config` described, in the order in which a new network makes them."""

        def layers(configs: Mapping[str, Any]) -> dict[str, keras.layers.Layer]:
            return {name: layer_of(each) for name, each in configs.items()}

        sharing, embedding = layer_of(config["sharing"]), layer_of(config["embedding"])
        experts = layer_of(config["linear_experts"]) if config["linear_experts"] else None
        average, common_heads = layer_of(config["average"]), layers(config["common_heads"])
        return cls(
            embedding, sharing, layers(config["heads"]), common_heads, layers(config["decoders"]), experts, average
        )


def _changed(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "config": {**config["config"], **changes}}


class Network:
    """The layers of a model, and how texts run through them.

    Args:
        layers: of the model.
        decoder_of: for each task that is written, the name of the task whose decoder writes it.
    """

    def __init__(self, layers: Layers, decoder_of: Mapping[str, str]):
        self.layers = layers
        self.decoder_of = dict(decoder_of)

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs of the functional model."""
        return [*self.layers.heads, *map(network_output, self._linear_tasks)]

    def trunk_variables(self) -> list[keras.Variable]:
        """Returns the trainable variables that several tasks read through: the embedding's and the scheme's shared."""
        return [*self.layers.embedding.trainable_variables, *self.layers.sharing.shared_variables()]

    def own_variables(self, task: str) -> list[keras.Variable]:
        """Returns the trainable variables of a task's head, of its decoder where no other task writes with it."""
        layers = [self.layers.heads[task]]
        writers = list(self.decoder_of.values())
        if self.decoder_of.get(task) == task and writers.count(task) == 1:
            layers.append(self.layers.decoders[task])
        return [variable for layer in layers for variable in layer.trainable_variables]

    def encode(self, tokens: KerasTensor, training: bool | None = None) -> Encoded:
        """Reads texts, given as tokens int32 `[batch, length]`, once for all tasks."""
        embedded = self.layers.embedding(tokens)
        return Encoded(tokens, embedded, self.layers.sharing(embedded, tokens, training=training))

    def encode_shared(self, tokens: KerasTensor, training: bool | None = None) -> tuple[Encoded, list[KerasTensor]]:
        """Returns the same as `encode`, and the states that all tasks' own are made of; in a graph of its own."""
        embedded = self.layers.embedding(tokens)
        states, views = self.layers.sharing.read(embedded, tokens, training=training)
        return Encoded(tokens, embedded, views), [states.last, *states.context]

    def linear_scores(self, tokens: KerasTensor) -> dict[str, KerasTensor]:
        """Returns what the linear experts of tasks say, `[batch, classes]` each; empty where there are none."""
        return self.layers.linear_experts(tokens) if self.layers.linear_experts else {}

    def head_outputs(
        self, tasks: Iterable[str], encoded: Encoded, training: bool | None = None
    ) -> dict[str, KerasTensor]:
        """Returns what the heads of tasks say that generate nothing; without their linear experts.

        A head that several tasks have in common runs once for all of them that read the same states.
        """
        of_common: dict[tuple, dict[str, KerasTensor]] = {}
        outputs = {}
        for task in tasks:
            head, states = self.layers.heads[task], encoded.states[task].last
            key = head.common, id(states)
            if key not in of_common:
                common = self.layers.common_heads.get(head.common)
                found = {} if common is None else {"common": common(states, encoded.tokens, training=training)}
                of_common[key] = found
            outputs[task] = head(states, encoded.tokens, **of_common[key], training=training)
        return outputs

    def answer(self, task: str, encoded: Encoded, linear: Mapping[str, KerasTensor]) -> KerasTensor:
        """Returns what a task's head says, together with the linear expert of the task where it has one.

        Args:
            task: one that generates nothing.
            encoded: the texts.
            linear: of `linear_scores`.
        """
        said = self.head_outputs([task], encoded)[task]
        return self.layers.average(said, linear[task]) if task in linear else said

    def writer(self, task: str) -> "Writer":
        """Returns what writes for a task, a token at a time or a whole target at once."""
        layer = self.layers.decoders[self.decoder_of[task]]
        return Writer(self.layers.embedding, self.layers.sharing.trunk.writer(layer), self.layers.heads[task])

    def slice_outputs(
        self, part: Slice, inputs: Mapping[str, KerasTensor], encoded: Encoded, training: bool | None = None
    ) -> dict[str, KerasTensor]:
        """Returns the outputs of a slice's tasks.

        Args:
            part: the slice.
            inputs: what its decoders read of the targets, by the names of the model's inputs.
            encoded: its texts.
            training: whether dropout is on; as Keras decides where it is `None`.
        """
        linear = self.linear_scores(encoded.tokens) if part.heads else {}
        outputs = {}
        for task, said in self.head_outputs(part.heads, encoded, training).items():
            if task in linear:
                outputs[network_output(task)] = said
                said = self.layers.average(said, linear[task])
            outputs[task] = said
        for task in part.generated:
            target = inputs[target_name(task)]
            outputs[task] = self.writer(task).log_likelihood(encoded, task, target, training)
        return outputs

    def functional(self, slices: Sequence[Slice]) -> tuple[dict[str, KerasTensor], dict[str, KerasTensor]]:
        """Returns the inputs and outputs of the functional model that the batches of slices feed."""
        inputs: dict[str, KerasTensor] = {}
        parts: dict[str, list[KerasTensor]] = {name: [] for name in self.outputs}
        for part in slices:
            for name in (part.tokens, *map(target_name, part.generated)):
                inputs[name] = keras.Input((None,), dtype="int32", name=name)
            for name, output in self.slice_outputs(part, inputs, self.encode(inputs[part.tokens])).items():
                parts[name].append(output)
        # A head whose task has rows in several slices answers for all of them, one slice after the other.
        joined = {
            name: found[0] if len(found) == 1 else keras.layers.Concatenate(axis=0, name=f"{name}_rows")(found)
            for name, found in parts.items()
        }
        return inputs, joined

    @property
    def _linear_tasks(self) -> Sequence[str]:
        return list(self.layers.linear_experts.classes) if self.layers.linear_experts else []


class Writer:
    """What writes for one task: a decoder, or a trunk that goes on behind its texts, and the task's head.

    Args:
        embedding: of tokens, and what turns states into logits.
        decoder: as `tfmtl.models.trunk.Trunk.writer` returns it.
        head: of the task.
    """

    def __init__(self, embedding: keras_hub.layers.ReversibleEmbedding, decoder, head: PointerGeneratorHead):
        self._embedding = embedding
        self._decoder = decoder
        self._head = head

    def log_likelihood(
        self, encoded: Encoded, task: str, target: KerasTensor, training: bool | None = None
    ) -> KerasTensor:
        """Returns the log-likelihood of each token of whole targets, float32 `[batch, length - 1]`.

        Args:
            encoded: the texts.
            task: whose states are read.
            target: start mark, tokens and end mark, int32 `[batch, length]`.
            training: whether dropout is on.
        """
        states = encoded.states[task]
        options = {} if training is None else {"training": training}
        hidden = self._decoder(self._embedding(target[:, :-1]), states, encoded.tokens, **options)
        logits = self._embedding(hidden, reverse=True)
        return self._head(logits, hidden, states.last, encoded.embedded, encoded.tokens, target[:, 1:], **options)

    def context(self, encoded: Encoded, task: str) -> dict[str, Any]:
        """Returns what does not change while texts are written: computed once for a generation."""
        states = encoded.states[task]
        context = {"tokens": encoded.tokens, "source": self._decoder.keys_and_values(states)}
        if self._head.copy_source:
            context["copy_keys"] = self._head.copy_keys(states.last, encoded.embedded)
        return context

    def initial_cache(self, encoded: Encoded, task: str) -> Any:
        """Returns what is kept of the tokens that have been written, before the first of them."""
        return self._decoder.initial_cache(encoded.states[task], encoded.tokens)

    def step(self, tokens, position, cache, context) -> tuple[KerasTensor, Any]:
        """Returns the log-probabilities of what may come next, float32 `[rows, vocabulary]`, and the new cache.

        Args:
            tokens: written last, int32 `[rows]`; the start mark at first.
            position: of them, int32 scalar.
            cache: of `initial_cache` or the step before.
            context: of `context`.
        """
        embedded = self._embedding(tokens[:, None])
        hidden, cache = self._decoder.step(embedded, position, cache, context["source"], context["tokens"])
        logits = self._embedding(hidden, reverse=True)
        return self._head.log_probabilities(logits, hidden, context.get("copy_keys"), context["tokens"]), cache
