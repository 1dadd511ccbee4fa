"""The forward pass, from tokens to states and from states to the answers of every task.

This is its only description. Training runs it as a functional Keras model, which `functional` makes; generation,
evaluation and export call its methods in graphs of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import KerasTensor, ops

from tfmtl.data.tables import Slice, target_name
from tfmtl.models.decoders.instructed import Instructed, repeated
from tfmtl.models.layers.joined_rows import JoinedRows
from tfmtl.models.layers.label_words import LabelWords
from tfmtl.models.layers.linear_experts import LinearExperts
from tfmtl.models.layers.logit_average import LogitAverage
from tfmtl.models.layers.target_positions import TargetPositions
from tfmtl.models.layers.token_embedding import TokenEmbedding
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.sharing.scheme import SharingScheme
from tfmtl.models.trunk import States
from tfmtl.models.writer import Writer


def network_output(task: str) -> str:
    """Returns the name of the output of a task's head alone, for a task that also has a linear expert."""
    return f"{task}_network"


class Encoded(NamedTuple):
    """A batch of texts that has been read.

    Attributes:
        tokens: the ids of the texts' tokens, int32 `[batch, length]`.
        embedded: their embeddings, `[batch, length, width]`.
        states: the states of each task, by its name.
    """

    tokens: KerasTensor
    embedded: KerasTensor
    states: dict[str, States]


@dataclass(frozen=True)
class Layers:
    """All layers of a network, by their roles.

    Attributes:
        embedding: the embedding of tokens, which also projects the states of decoders to logits.
        sharing: the sharing scheme, which owns the trunk.
        heads: the head of each task, by the task's name.
        common_heads: the heads that several tasks share, by their own names.
        decoders: the decoders, by the names of the tasks that own them.
        linear_experts: the linear models beside the heads; `None` if there are none.
        average: the layer that averages the answers of a head and a linear expert.
    """

    embedding: TokenEmbedding
    sharing: SharingScheme
    heads: dict[str, keras.layers.Layer]
    common_heads: dict[str, keras.layers.Layer]
    decoders: dict[str, keras.layers.Layer]
    linear_experts: LinearExperts | None
    average: LogitAverage

    def as_config(self, **changes) -> dict[str, Any]:
        """Returns the configurations of all layers, with some keys of each changed."""

        def config(layer: keras.layers.Layer) -> dict[str, Any]:
            return _changed(layer_config(layer), changes)

        def configs(layers: Mapping[str, keras.layers.Layer]) -> dict[str, Any]:
            return {name: config(layer) for name, layer in layers.items()}

        owned = zip(self.sharing.own_trunks, self.sharing.tasks_of_own, strict=True)
        own_trunks = [{"trunk": config(trunk), "tasks": tasks} for trunk, tasks in owned]
        trunks = {"trunk": config(self.sharing.trunk), "own_trunks": own_trunks}
        return {
            "embedding": config(self.embedding),
            "sharing": _changed(layer_config(self.sharing), {**changes, **trunks}),
            "heads": configs(self.heads),
            "common_heads": configs(self.common_heads),
            "decoders": configs(self.decoders),
            "linear_experts": config(self.linear_experts) if self.linear_experts else None,
            "average": config(self.average),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Layers":
        """Returns the layers described by `as_config`, made in the same order as for a new network."""

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
        layers: the layers of the model.
        decoder_of: for each generating task, the name of the task whose decoder writes its texts.
        instructions: for each task with an instruction, its ids.
    """

    def __init__(
        self, layers: Layers, decoder_of: Mapping[str, str], instructions: Mapping[str, Sequence[int]] | None = None
    ):
        self.layers = layers
        self.decoder_of = dict(decoder_of)
        self.instructions = {name: tuple(ids) for name, ids in (instructions or {}).items()}
        self._positions = TargetPositions(name="target_positions", dtype=layers.embedding.dtype_policy)

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs of the functional model."""
        return [*self.layers.heads, *map(network_output, self.linear_tasks)]

    def trunk_variables(self) -> list[keras.Variable]:
        """Returns the trainable variables that several tasks read through: those of the embedding and of the scheme."""
        return [*self.layers.embedding.trainable_variables, *self.layers.sharing.shared_variables()]

    def own_variables(self, task: str) -> list[keras.Variable]:
        """Returns the trainable variables of a task's head, and of its decoder if no other task writes with it."""
        layers = [self.layers.heads[task]]
        writers = list(self.decoder_of.values())
        if self.decoder_of.get(task) == task and writers.count(task) == 1:
            layers.append(self.layers.decoders[task])
        return [variable for layer in layers for variable in layer.trainable_variables]

    def merge_updates(self) -> None:
        """Adds updates that the trunk keeps beside its weights to them, before the model is served."""
        for trunk in (self.layers.sharing.trunk, *self.layers.sharing.own_trunks):
            trunk.merge_updates()

    def readings(self, tasks: int) -> float:
        """Returns how often a text is read to answer a number of tasks, by the trunk or one that tasks have alone."""
        return self.layers.sharing.readings_for_all(tasks)

    def encode(self, tokens: KerasTensor, training: bool | None = None) -> Encoded:
        """Reads texts, given as tokens int32 `[batch, length]`, once for all tasks."""
        embedded = self.layers.embedding(tokens)
        return Encoded(tokens, embedded, self.layers.sharing(embedded, tokens, training=training))

    def encode_shared(self, tokens: KerasTensor, training: bool | None = None) -> tuple[Encoded, list[KerasTensor]]:
        """Returns the result of `encode` and the shared states that all tasks' own are made of, in a separate graph."""
        embedded = self.layers.embedding(tokens)
        states, views = self.layers.sharing.read_for_all(embedded, tokens, training=training)
        return Encoded(tokens, embedded, views), [states.last, *states.context]

    def linear_scores(self, tokens: KerasTensor) -> dict[str, KerasTensor]:
        """Returns the scores of the tasks' linear experts, `[batch, classes]` each; empty if there are none."""
        return self.layers.linear_experts(tokens) if self.layers.linear_experts else {}

    def head_outputs(
        self, tasks: Iterable[str], encoded: Encoded, training: bool | None = None
    ) -> dict[str, KerasTensor]:
        """Returns the outputs of the heads of tasks that generate nothing, without their linear experts.

        A head that several tasks share runs once for all of them that read the same states.
        """
        # With the states, whose identity would otherwise be that of others once they are gone.
        of_common: dict[tuple, tuple[dict[str, KerasTensor], KerasTensor]] = {}
        outputs = {}
        for task in tasks:
            head = self.layers.heads[task]
            if isinstance(head, LabelWords):
                outputs[task] = head(encoded.states[task].context, encoded.tokens, writer=self.writer(task))
                continue
            states, tokens = self.read_by_head(task, encoded, training)
            key = head.common, id(states)
            if key not in of_common:
                common = self.layers.common_heads.get(head.common)
                found = {} if common is None else {"common": common(states, tokens, training=training)}
                of_common[key] = found, states
            outputs[task] = head(states, tokens, **of_common[key][0], training=training)
        return outputs

    def read_by_head(
        self, task: str, encoded: Encoded, training: bool | None = None
    ) -> tuple[KerasTensor, KerasTensor]:
        """Returns the states that a head reads and their tokens: those of the instruction if the task has one.

        A head that pools states gets those that are pooled already at each position.
        """
        states = encoded.states[task]
        if task not in self.instructions:
            if not states.pooled:
                return states.last, encoded.tokens
            (pooled,) = states.pooled
            return pooled[:, None] + ops.zeros_like(states.last), encoded.tokens
        tokens = repeated(np.array([self.instructions[task]], np.int32), encoded.tokens)
        trunk, embedded = self.layers.sharing.trunk, self.layers.embedding(tokens)
        return trunk(embedded, encoded.tokens, context=states.context, training=training).last, tokens

    def answer(self, task: str, encoded: Encoded, linear: Mapping[str, KerasTensor]) -> KerasTensor:
        """Returns the output of a task's head, averaged with the task's linear expert if it has one.

        Args:
            task: the name of a task that generates nothing.
            encoded: the texts.
            linear: the result of `linear_scores`.
        """
        said = self.head_outputs([task], encoded)[task]
        return self.layers.average(said, linear[task]) if task in linear else said

    def writer(self, task: str) -> Writer:
        """Returns the writer of a task, which works a token at a time or on whole targets."""
        writer = self.layers.sharing.trunk.writer(self.layers.decoders[self.decoder_of[task]])
        if task in self.instructions:
            writer = Instructed(writer, self.layers.embedding, self.instructions[task])
        return Writer(self.layers.embedding, writer, self.layers.heads[task], self._positions)

    def slice_outputs(
        self, part: Slice, inputs: Mapping[str, KerasTensor], encoded: Encoded, training: bool | None = None
    ) -> dict[str, KerasTensor]:
        """Returns the outputs of a slice's tasks.

        Args:
            part: the slice.
            inputs: the targets that its decoders read, by the names of the model's inputs.
            encoded: its texts.
            training: whether dropout is on; `None` lets Keras decide.
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
        """Returns the inputs and outputs of the functional model for batches of the given slices."""
        inputs: dict[str, KerasTensor] = {}
        parts: dict[str, list[KerasTensor]] = {name: [] for name in self.outputs}
        for part in slices:
            for name in (part.tokens, *map(target_name, part.generated)):
                inputs[name] = keras.Input((None,), dtype="int32", name=name)
            for name, output in self.slice_outputs(part, inputs, self.encode(inputs[part.tokens])).items():
                parts[name].append(output)
        # The head of a task with rows in several slices answers for all of them, one slice after the other.
        joined = {
            name: found[0] if len(found) == 1 else JoinedRows(name=f"{name}_rows")(found)
            for name, found in parts.items()
        }
        return inputs, joined

    @property
    def linear_tasks(self) -> Sequence[str]:
        """The names of the tasks that a linear expert answers too."""
        return list(self.layers.linear_experts.classes) if self.layers.linear_experts else []
