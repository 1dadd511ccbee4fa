"""Turns a plan into batches: a `tf.data` pipeline gathers rows in graph, in the order of the plan."""

from collections.abc import Sequence

import tensorflow as tf

from tfmtl.data.columns import joined, padded
from tfmtl.data.plan import Plan
from tfmtl.data.tables import Table, target_name


def batches(tables: Sequence[Table], plan: Plan, start: int = 0, stop: int | None = None) -> tf.data.Dataset:
    """Returns the batches of updates `start` to `stop`, for one device.

    Elements are pairs `(inputs, targets)` of dicts. The inputs are the tokens of each slice, int32 `[rows, length]`,
    under the slice's name, and the tokens that each decoder reads, under `target_<task>`. The targets are those of each
    task, `[rows, ...]`, with the rows of all slices that contain the task one after the other.
    """
    return _Gather(tables, plan).dataset(start, plan.updates if stop is None else stop, 1, range(1))


def distributed_batches(
    strategy: tf.distribute.Strategy,
    tables: Sequence[Table],
    plan: Plan,
    start: int = 0,
    stop: int | None = None,
) -> tf.distribute.DistributedDataset:
    """Returns the same batches, each cut into one part per replica: row `i` of a slice goes to replica `i % replicas`.

    The dataset does not end: the first batch follows the last. If it ended, TensorFlow would add a batch without rows,
    and the number of rows per batch would no longer be static.
    """
    gather = _Gather(tables, plan)
    replicas = strategy.num_replicas_in_sync

    def parts(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * local
        end = plan.updates if stop is None else stop
        return gather.dataset(start, end, replicas, range(first, first + local)).repeat()

    return strategy.distribute_datasets_from_function(parts)


class _Gather:
    """Holds the tables and the plan as tensors and builds batches from them in graph."""

    def __init__(self, tables: Sequence[Table], plan: Plan):
        self._slices = [table.slice for table in tables]
        self._corruptions = [table.corruption for table in tables]
        self._seed = plan.seed
        self._task_places = {name: place for place, name in enumerate(plan.tasks)}
        self._only = [None if part.only is None else tf.constant(part.only) for part in plan.slices]
        self._tokens = [table.tokens.graph() for table in tables]
        self._targets = [{name: column.graph() for name, column in table.targets.items()} for table in tables]
        self._plans = [
            (
                part.graph(),
                tf.constant(part.length),
                {name: tf.constant(lengths) for name, lengths in part.target_lengths.items()},
            )
            for part in plan.slices
        ]

    def dataset(self, start: int, stop: int, replicas: int, mine: range) -> tf.data.Dataset:
        """Returns the parts of each update's batch whose replicas are in `mine`, one after the other."""
        places = tf.data.Dataset.range(start * len(mine), stop * len(mine))

        # It has no branch and no loop over tensors, which alone need the conversion, and that takes a second.
        @tf.autograph.experimental.do_not_convert
        def batch(place):
            return self._batch(place // len(mine), mine.start + place % len(mine), replicas)

        return places.map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)

    def _batch(self, update: tf.Tensor, replica: tf.Tensor, replicas: int):
        inputs, targets = {}, {}
        for k in range(len(self._slices)):
            rows = self._plans[k][0][update]
            # The padding row is the last row of each column.
            rows = tf.where(rows < 0, self._tokens[k].nrows(tf.int32) - 1, rows)
            mine = tf.range(rows.shape[0] // replicas) * replicas + tf.cast(replica, tf.int32)
            read = self._corrupted if self._corruptions[k] else self._as_they_are
            tokens, of_slice = read(k, rows, mine, update)
            inputs[self._slices[k].tokens] = tokens
            inputs |= {target_name(name): of_slice[name] for name in self._slices[k].generated}
            for name, values in of_slice.items():
                targets.setdefault(name, []).append(values)
        return inputs, {name: joined(parts) for name, parts in targets.items()}

    def _as_they_are(self, k: int, rows: tf.Tensor, mine: tf.Tensor, update: tf.Tensor) -> tuple[tf.Tensor, dict]:
        _, length, target_lengths = self._plans[k]
        rows = tf.gather(rows, mine)
        targets = {
            name: padded(
                column,
                self._rows_of_task(name, k, rows, mine, update),
                target_lengths[name][update] if name in target_lengths else None,
            )
            for name, column in self._targets[k].items()
        }
        return padded(self._tokens[k], rows, length[update]), targets

    def _rows_of_task(self, name: str, k: int, rows: tf.Tensor, mine: tf.Tensor, update: tf.Tensor) -> tf.Tensor:
        """Returns the rows whose targets a task learns from; the padding row in place of those of other tasks."""
        if self._only[k] is None:
            return rows
        only = tf.gather(self._only[k][update], mine)
        return tf.where(
            only == self._task_places.get(name, len(self._task_places)), rows, self._tokens[k].nrows(tf.int32) - 1
        )

    def _corrupted(self, k: int, rows: tf.Tensor, mine: tf.Tensor, update: tf.Tensor) -> tuple[tf.Tensor, dict]:
        corruption, length = self._corruptions[k], self._plans[k][1]
        seed = tf.stack([tf.cast(self._seed, update.dtype), update])
        # Drawn for all replicas together, so that a row has the same gaps whatever the number of replicas.
        whole = corruption.corrupt(padded(self._tokens[k], rows, length[update]), seed)
        texts, written = (tf.gather(tf.ensure_shape(ids, [rows.shape[0], None]), mine) for ids in whole)
        return texts, {corruption.task: written}
