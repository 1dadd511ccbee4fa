"""Reads a batch in several parts, one after the other, so that memory holds the activations of only one part."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfmtl.training.batch_rows import BatchRows
from tfmtl.training.row_gradients import Gradient, RowsSpec


class Accumulation:
    """Adds up the results of the parts of a batch.

    The parts are cut out of the batch within the step, after its denominators are known. So an update is that of the
    whole batch, not of its parts; the optimizer sees one update per batch, under every strategy.

    Args:
        rows: the object that cuts out the parts.
        parts: the number of parts, of which the rows of each slice of a batch must be a multiple.
    """

    def __init__(self, rows: BatchRows | None = None, parts: int = 1):
        self._rows = rows
        self.parts = parts

    def total(
        self, batch, compute: Callable[..., list[Gradient]], specs: Sequence[tf.TensorSpec | RowsSpec]
    ) -> list[Gradient]:
        """Returns the sum of `compute(part)` over the parts of `batch`, each tensor or gradient as in `specs`.

        Assignments to variables in `compute` must not involve other replicas.
        """
        if self.parts == 1:
            return compute(batch)

        def add(index, *sums):
            found = compute(self._rows.part(batch, index, self.parts))
            return index + 1, *(_added(total, value, index) for total, value in zip(sums, found, strict=True))

        _, *sums = tf.while_loop(
            lambda index, *_: index < self.parts,
            add,
            (tf.constant(0), *(_nothing(spec, self.parts) for spec in specs)),
            parallel_iterations=1,
            maximum_iterations=self.parts,
        )
        return [_result(total, spec) for total, spec in zip(sums, specs, strict=True)]


Sum = tf.Tensor | tuple[tf.TensorArray, tf.TensorArray]
"""A sum so far; of gradients by rows, the values and indices of each part, because adding them up makes them dense."""


def _nothing(spec: tf.TensorSpec | RowsSpec, parts: int) -> Sum:
    if isinstance(spec, RowsSpec):
        return tf.TensorArray(spec.dtype, parts), tf.TensorArray(tf.int32, parts)
    return tf.zeros(spec.shape, spec.dtype)


def _added(total: Sum, value: Gradient, index: tf.Tensor) -> Sum:
    if isinstance(value, tf.IndexedSlices):
        values, indices = total
        return values.write(index, value.values), indices.write(index, value.indices)
    return total + value


def _result(total: Sum, spec: tf.TensorSpec | RowsSpec) -> Gradient:
    if not isinstance(spec, RowsSpec):
        return total
    values, indices = total
    # All parts have the same number of entries.
    rows = tf.reshape(values.stack(), [-1, *spec.shape[1:]])
    return tf.IndexedSlices(rows, tf.reshape(indices.stack(), [-1]), tf.constant(spec.shape.as_list()))
