"""A copy of the trunk that learns which texts have the same label, then a linear probe on its states."""

from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field, PositiveFloat

from tfmtl.adaptation.features import Features, View
from tfmtl.adaptation.method import Learned, Start
from tfmtl.adaptation.methods.probe import regression
from tfmtl.adaptation.solved import Candidate, SolvedMethod, VectorOptions
from tfmtl.adaptation.trained import freeze_all_but_own_trunk, seed_layers
from tfmtl.core.errors import ConfigurationError, DataError
from tfmtl.core.registry import ADAPTATION
from tfmtl.data.plan import bucket_length
from tfmtl.data.special_tokens import PAD_ID
from tfmtl.data.streams import Examples
from tfmtl.data.tokenized import tokenize_texts
from tfmtl.generation.reader import Reader
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.models.added_heads import with_heads
from tfmtl.models.layers.solved_head import LinearScores, PooledFeatures, SolvedHead
from tfmtl.models.multi_task_model import MultiTaskModel


class ContrastiveOptions(VectorOptions):
    """Options of contrastive fine-tuning, and of the probe behind it, for which the rows it has seen choose nothing.

    Attributes:
        updates: the number of updates.
        batch_size: the number of texts of an update, all pairs of which are compared.
        learning_rate: the peak of the learning rate, which rises over a tenth of the updates and falls to zero.
        inverse_regularization: the `C` of the probe.
    """

    updates: int = Field(40, ge=1)
    batch_size: int = Field(32, ge=4)
    learning_rate: PositiveFloat = 1e-4
    inverse_regularization: PositiveFloat = 10.0


@ADAPTATION.register("contrastive", options=ContrastiveOptions)
class Contrastive(SolvedMethod):
    """A copy of the trunk brings texts of one label together (SetFit), then a probe; reads a text once more.

    Tunstall et al. 2022, "Efficient few-shot learning without prompts". Differences from the paper: each update
    compares all pairs of a batch, which costs no more readings than texts, and gives pairs of the same label and of
    different ones the same weight in all; the embedding of tokens is not changed, because old tasks read it too.
    """

    options: ContrastiveOptions

    def candidates(self, names: bool) -> list[Candidate]:
        value = self.options.inverse_regularization
        return [
            lambda problem, weight=weight: regression(problem.with_names(weight), value)
            for weight in self.options.name_weights(names)
        ]

    def check(self, task: Task, start: Start) -> None:
        super().check(task, start)
        if task.name in start.reader.tasks:
            raise ConfigurationError(
                f"adapt.method: 'contrastive' reads with a trunk of its own and cannot add labels to those of "
                f"'{task.name}'; use 'auto', 'probe' or 'prototypes'"
            )
        if task.text_pair is not None:
            raise ConfigurationError(
                f"adapt.method: 'contrastive' compares single texts, and '{task.name}' reads pairs; use 'auto' or "
                "'full'"
            )

    def learn(self, start: Start, tasks: Mapping[str, Task], rows: Mapping[str, Examples]) -> Learned:
        if len(tasks) > 1:
            raise ConfigurationError("adapt.method: 'contrastive' learns one task at a time; adapt the run again")
        ((name, task),) = tasks.items()
        targets = rows[name].targets[name]
        if np.bincount(targets).min() < 2:
            raise DataError(f"task '{name}': 'contrastive' needs two rows or more of each label; use 'auto'")
        seed_layers(self.options.seed)
        trained, model = (self._with_head(start, task) for _ in range(2))
        self._train(trained, start, rows[name], targets)
        own = model.network.layers.sharing.own_trunks[-1]
        own.set_weights(trained.network.layers.sharing.own_trunks[-1].get_weights())
        reader = Reader(model, tasks, start.reader.tokenizer, start.reader.packing, start.reader.generation)
        features = Features(reader, start.experiment.evaluation.batch_size)
        view = View(name, self.options.pooling)
        solution = self.solve(self._problem(task, features, view, rows[name]))
        model.network.layers.heads[name].scores.set_weights(solution.weights)
        report = {"rows": len(targets), "updates": self.options.updates, **solution.report, "method": "contrastive"}
        return Learned(model, {name: report})

    def _with_head(self, start: Start, task: Task) -> MultiTaskModel:
        features = start.features.layer(View(pooling=self.options.pooling))
        scores = LinearScores(kind_of(task).classes(task), name="scores", dtype="float32")
        head = SolvedHead(features, scores, name=task.name, dtype="float32")
        return with_heads(start.reader.model, {task.name: head}, own_trunk=True)

    def _train(self, model: MultiTaskModel, start: Start, rows: Examples, targets: np.ndarray) -> None:
        freeze_all_but_own_trunk(model)
        layers, options = model.network.layers, self.options
        trunk, pool = (
            layers.sharing.own_trunks[-1],
            PooledFeatures.from_config(start.features.layer(View()).get_config()),
        )
        rises = max(1, options.updates // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, options.updates - rises, warmup_target=options.learning_rate, warmup_steps=rises
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01)
        variables = trunk.trainable_variables
        optimizer.build(variables)

        @tf.function(reduce_retracing=True, autograph=False)
        def update(tokens, labels):
            with tf.GradientTape() as tape:
                states = trunk.read(layers.embedding(tokens), tokens, training=True).last
                loss = pair_loss(pool(states, tokens), labels)
            gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

        tokens = tokenize_texts(start.reader.tokenizer, rows.text, None, start.reader.packing)
        for chosen in balanced_batches(targets, options.batch_size, options.updates, options.seed):
            taken = tokens.take(chosen)
            length = min(int(bucket_length(taken.lengths.max(keepdims=True))[0]), int(tokens.lengths.max()))
            padded = np.full((len(chosen), length), PAD_ID, np.int32)
            padded[np.arange(length) < taken.lengths[:, None]] = taken.values
            update(tf.constant(padded), tf.constant(targets[chosen]))


def pair_loss(vectors: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared error of the cosines of all pairs of texts: one for the same label, zero for different.

    Pairs of the same label and pairs of different labels each count for one half, if there are both.

    Args:
        vectors: the vectors of texts, of length one, float32 `[batch, width]`.
        labels: their labels, int32 `[batch]`.
    """
    same = tf.cast(labels[:, None] == labels[None], tf.float32)
    others = 1.0 - tf.eye(tf.shape(labels)[0])
    errors = tf.square(tf.matmul(vectors, vectors, transpose_b=True) - same)
    alike, different = same * others, 1.0 - same
    means = [tf.math.divide_no_nan(tf.reduce_sum(errors * part), tf.reduce_sum(part)) for part in (alike, different)]
    return (means[0] + means[1]) / 2.0


def balanced_batches(targets: np.ndarray, size: int, updates: int, seed: int) -> Iterator[np.ndarray]:
    """Yields the rows of each update, with two or more of each label that it has, and labels in turn if they are many.

    Args:
        targets: the labels of all rows, int `[rows]`.
        size: the maximum number of rows in a batch.
        updates: the number of batches.
        seed: the seed of the draws.
    """
    generator = np.random.default_rng(seed)
    labels, waiting = np.unique(targets), []
    number = min(len(labels), size // 2)
    each = size // number
    for _ in range(updates):
        if len(waiting) < number:
            shuffled = generator.permutation(labels)
            waiting = [*waiting, *shuffled[~np.isin(shuffled, waiting)], *shuffled[np.isin(shuffled, waiting)]]
        chosen, waiting = waiting[:number], waiting[number:]
        yield np.concatenate([generator.permutation(np.flatnonzero(targets == label))[:each] for label in chosen])
