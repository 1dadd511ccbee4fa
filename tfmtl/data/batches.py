"""From a plan to batches: `tf.data` that gathers rows in graph, in the plan's order."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfmtl.data.plan import Plan
from tfmtl.data.tables import Table
from tfmtl.kinds.denoising.span_corruption import corrupt
from tfmtl.kinds.denoising.token_masking import mask


def batches(tables: Sequence[Table], plan: Plan, start: int = 0, stop: int | None = None) -> tf.data.Dataset:
    """Returns the batches of updates `start` to `stop`, for one device.

    Elements are `(inputs, targets)`: inputs hold the ids of each slice, int32 `[rows, length]`, under the slice's name
    and those of each summary under `summary_<task>`; targets hold each task's, `[rows]` of all slices with such rows
    one after the other, or the summary's ids.
    """
    return _Gather(tables, plan).dataset(start, plan.updates if stop is None else stop, 1, range(1))


def distributed_batches(
    strategy: tf.distribute.Strategy,
    tables: Sequence[Table],
    plan: Plan,
    start: int = 0,
    stop: int | None = None,
) -> tf.distribute.DistributedDataset:
    """Returns the same batches, each cut into one part a replica: row `i` of a slice goes to replica `i % replicas`.

    They have no end: behind the last comes the first again. Of a dataset with an end, TensorFlow would make one more
    batch, without a row, and so forget how many rows each of them has.
    """
    gather = _Gather(tables, plan)
    replicas = strategy.num_replicas_in_sync

    def parts(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local
        end = plan.updates if stop is None else stop
        return gather.dataset(start, end, replicas, range(first, first + local)).repeat()

    return strategy.distribute_datasets_from_function(parts)


_NOISE = {
    "spans": lambda task, tokens, seed: corrupt(tokens, seed, task.noise_density, task.mean_span),
    "pieces": lambda task, tokens, seed: mask(tokens, seed, task.noise_density),
}
"""Texts with gaps and what stood there, by the objective of a denoising task."""


class _Gather:
    """The tables and the plan as tensors, and the graph that makes a batch of them."""

    def __init__(self, tables: Sequence[Table], plan: Plan):
        self._slices = [table.slice for table in tables]
        self._denoising = [table.denoising for table in tables]
        self._seed = plan.seed
        self._tokens = [table.tokens.ragged() for table in tables]
        self._summaries = [{name: p.ragged() for name, p in table.summaries.items()} for table in tables]
        self._targets = [
            {name: tf.constant(_with_absent(column)) for name, column in table.targets.items()} for table in tables
        ]
        self._plans = [
            (
                tf.constant(part.rows),
                tf.constant(part.length),
                {name: tf.constant(lengths) for name, lengths in part.summary_lengths.items()},
            )
            for part in plan.slices
        ]

    def dataset(self, start: int, stop: int, replicas: int, mine: range) -> tf.data.Dataset:
        """Returns the parts `mine` of each update's batch, one after the other."""
        places = tf.data.Dataset.range(start * len(mine), stop * len(mine))

        def batch(place):
            return self._batch(place // len(mine), mine.start + place % len(mine), replicas)

        return places.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)

    def _batch(self, update: tf.Tensor, replica: tf.Tensor, replicas: int):
        inputs, targets = {}, {}
        for k in range(len(self._slices)):
            rows = self._plans[k][0][update]
            # The row of padding is the last one of each ragged tensor and column.
            rows = tf.where(rows < 0, self._tokens[k].nrows(tf.int32) - 1, rows)
            mine = tf.range(rows.shape[0] // replicas) * replicas + tf.cast(replica, tf.int32)
            read = self._with_gaps if self._denoising[k] else self._as_they_are
            of_slice, answers = read(k, rows, mine, update)
            inputs |= of_slice
            for name, answer in answers.items():
                targets.setdefault(name, []).append(answer)
        return inputs, {name: tf.concat(parts, axis=0) for name, parts in targets.items()}

    def _as_they_are(self, k: int, rows: tf.Tensor, mine: tf.Tensor, update: tf.Tensor) -> tuple[dict, dict]:
        part, (_, length, summary_lengths) = self._slices[k], self._plans[k]
        rows = tf.gather(rows, mine)
        inputs = {part.tokens: _pad(self._tokens[k], rows, length[update])}
        targets = {name: tf.gather(self._targets[k][name], rows) for name in part.heads}
        for name in part.summaries:
            summary = _pad(self._summaries[k][name], rows, summary_lengths[name][update])
            inputs[f"summary_{name}"] = targets[name] = summary
        return inputs, targets

    def _with_gaps(self, k: int, rows: tf.Tensor, mine: tf.Tensor, update: tf.Tensor) -> tuple[dict, dict]:
        task, length = self._denoising[k], self._plans[k][1]
        seed = tf.stack([tf.cast(self._seed, update.dtype), update])
        # Drawn for all replicas together, so that a row has the same gaps whatever their number.
        whole = _NOISE[task.objective](task, _pad(self._tokens[k], rows, length[update]), seed)
        texts, answers = (tf.gather(tf.ensure_shape(ids, [rows.shape[0], None]), mine) for ids in whole)
        return {self._slices[k].tokens: texts, f"summary_{task.name}": answers}, {task.name: answers}


def _pad(pieces: tf.RaggedTensor, rows: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    padded = tf.gather(pieces, rows).to_tensor(shape=tf.stack([tf.cast(-1, length.dtype), length]))
    return tf.ensure_shape(padded, [rows.shape[0], None])


def _with_absent(column: np.ndarray) -> np.ndarray:
    mark = np.nan if np.issubdtype(column.dtype, np.floating) else -1
    return np.append(column, np.asarray([mark], column.dtype))
