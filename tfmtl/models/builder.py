"""The functional model of an experiment: one trunk, a head for each task."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_hub
from keras import KerasTensor

from tfmtl.config.options import ModelOptions
from tfmtl.core.registry import ENCODERS, SHARING
from tfmtl.data.tables import Slice, Table
from tfmtl.kinds.denoising.span_corruption import answer_length
from tfmtl.kinds.task import Task
from tfmtl.models.layers.linear_experts import LinearExperts
from tfmtl.models.layers.logit_average import LogitAverage
from tfmtl.models.layers.mlm_head import MLMHead
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.models.task_heads import TaskHeads

LINEAR_EXPERTS = "linear_experts"
"""The name of the layer of the tasks' linear experts, where the model has them."""

LOGIT_AVERAGE = "logit_average"
"""The name of the layer that makes one answer of a head's and a linear expert's."""


def decoder_name(task: str) -> str:
    """The name of the decoder layer that belongs to a task; its head has the task's own name."""
    return f"{task}_decoder"


def representation_name(tokens: str) -> str:
    """The name of the layer whose output is what the encoder makes of the input `tokens`."""
    return f"{tokens}_representation"


def network_name(task: str) -> str:
    """The name of the output of a task's head alone, where the task has a linear expert too."""
    return f"{task}_network"


def linear_scores(model: keras.Model, tokens: KerasTensor) -> dict[str, KerasTensor]:
    """Returns what the linear experts of tasks say, `[batch, classes]` each; empty where the model has none."""
    return next((layer(tokens) for layer in model.layers if layer.name == LINEAR_EXPERTS), {})


def build_model(
    options: ModelOptions, tasks: Mapping[str, Task], tables: Sequence[Table], vocabulary_size: int, precision: str
) -> MultiTaskModel:
    """Builds the model that a split's slices feed.

    Inputs are a slice's ids, int32 `[batch, length]`, and `summary_<task>`, int32 `[batch, summary length]`, its start
    and end marks included. Outputs, under the tasks' names: logits `[rows, classes]`, scores `[rows]`, and the
    log-likelihood of each piece of the summary `[batch, summary length - 1]`; all float32. A head whose task has rows
    in several slices answers for all of them, in the slices' order. The answer of a task that has a linear expert is
    what head and expert say together; under `<task>_network` stands what the head says, by which the network learns.

    Args:
        options: of the network.
        tasks: with their label sets.
        tables: of train: the slices, and the regression targets' mean and deviation.
        vocabulary_size: the tokenizer's.
        precision: a Keras dtype policy.
    """
    builder = _Builder(options, tasks, tables, vocabulary_size, precision)
    inputs: dict[str, KerasTensor] = {}
    answers: dict[str, list[KerasTensor]] = {name: [] for name in builder.outputs}
    for table in tables:
        builder.add_slice(table.slice, inputs, answers)
    outputs = {
        name: parts[0] if len(parts) == 1 else keras.layers.Concatenate(axis=0, name=f"{name}_rows")(parts)
        for name, parts in answers.items()
    }
    builder.encoder.load_pretrained_rows(builder.embedding)
    return MultiTaskModel(inputs=inputs, outputs=outputs, name="multi_task_model")


class _Builder:
    """The layers of a model, and how a slice runs through them."""

    def __init__(self, options, tasks, tables, vocabulary_size, precision):
        self._tasks = tasks
        self._encoder_options = options.encoder.options
        self._options = options
        self._precision = precision
        self._vocabulary_size = vocabulary_size
        self.encoder = ENCODERS.get(options.encoder.name).build(self._encoder_options, name="encoder", dtype=precision)
        self.embedding = keras_hub.layers.ReversibleEmbedding(
            vocabulary_size,
            self.encoder.width,
            tie_weights=self.encoder.tied or not any(task.learns_pieces for task in tasks.values()),
            embeddings_initializer=keras.initializers.RandomNormal(stddev=self.encoder.width**-0.5),
            name="embedding",
            dtype=precision,
        )
        self._sharing = SHARING.get(options.sharing.name).build(
            options.sharing.options, list(tasks), name="sharing", dtype=precision
        )
        self._linear_experts = self._experts()
        self._pool = LogitAverage(name=LOGIT_AVERAGE, dtype="float32")
        self._heads = TaskHeads(self.encoder, options, tasks, tables)
        self._writers = self._writers_of([task for task in tasks.values() if task.learns_pieces])

    def _experts(self) -> LinearExperts | None:
        classes = {name: len(task.labels) for name, task in self._tasks.items() if _is_linear(task)}
        if not (self._options.linear_expert and classes):
            return None
        return LinearExperts(
            self._options.linear_expert, self._vocabulary_size, classes, name=LINEAR_EXPERTS, dtype="float32"
        )

    def _writers_of(self, tasks: Sequence[Task]) -> dict[str, Any]:
        """Returns what writes for each task, by its name."""
        writers = {task.name: self._guesser(task.name) for task in tasks if _is_guessed(task)}
        lengths: dict[str, int] = {}
        for task in tasks:
            if task.name not in writers:
                lengths[task.writer] = max(lengths.get(task.writer, 0), self._pieces(task))
        writers |= {name: self._writer(name, most) for name, most in lengths.items()}
        return {task.name: writers[task.writer] for task in tasks}

    def _guesser(self, name: str) -> Callable:
        """Returns what stands in a decoder's place where pieces are guessed from the trunk's states alone."""
        layer = MLMHead(name=decoder_name(name), dtype=self._precision)
        return lambda embedded, states, tokens: layer(embedded, self.encoder.last_states(states), tokens)

    def _writer(self, name: str, max_length: int):
        options = self._options.decoder
        decoder = self.encoder.decoder(
            options.layers, options.dropout, max_length, name=decoder_name(name), dtype=self._precision
        )
        return self.encoder.writer(decoder)

    def _pieces(self, task: Task) -> int:
        """Returns the most pieces that a task's decoder reads: of its longest target, but for the end mark."""
        if task.is_answered:
            return task.max_length
        return int(answer_length(self._encoder_options.max_length, task.noise_density, task.mean_span)) - 1

    @property
    def outputs(self) -> list[str]:
        linear = self._linear_experts.classes if self._linear_experts else ()
        return [*self._tasks, *map(network_name, linear)]

    def add_slice(self, part: Slice, inputs: dict, answers: dict) -> None:
        """Adds the slice's inputs, and its tasks' answers."""
        tokens = inputs[part.tokens] = keras.Input((None,), dtype="int32", name=part.tokens)
        embedded = self.embedding(tokens)
        named = keras.layers.Identity(name=representation_name(tokens.name), dtype=self._precision)
        states = self._sharing(named(self.encoder(embedded, tokens)), tokens)
        linear = self._linear_experts(tokens) if self._linear_experts and part.heads else {}
        for name, answer in self._heads.answers(part.heads, states, tokens).items():
            if name in linear:
                answers[network_name(name)].append(answer)
                answer = self._pool(answer, linear[name])
            answers[name].append(answer)
        for name in part.summaries:
            key = f"summary_{name}"
            summary = inputs[key] = keras.Input((None,), dtype="int32", name=key)
            hidden = self._writers[name](self.embedding(summary[:, :-1]), states[name], tokens)
            logits = self.embedding(hidden, reverse=True)
            source = self.encoder.last_states(states[name])
            answers[name].append(self._heads[name](logits, hidden, source, embedded, tokens, summary[:, 1:]))


def _is_linear(task: Task) -> bool:
    return task.kind == "classification" and task.text_pair is None


def _is_guessed(task: Task) -> bool:
    return task.kind == "denoising" and task.objective == "pieces"
