"""Reads a batch in several parts, one after the other, so that memory holds the activations of only one part."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfmtl.training.batch_rows import BatchRows


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

    def total(self, batch, compute: Callable[..., list[tf.Tensor]], specs: Sequence[tf.TensorSpec]) -> list[tf.Tensor]:
        """Returns the sum of `compute(part)` over the parts of `batch`, each tensor as in `specs`.

        Assignments to variables in `compute` must not involve other replicas.
        """
        if self.parts == 1:
            return compute(batch)

        def add(index, *sums):
            found = compute(self._rows.part(batch, index, self.parts))
            return index + 1, *(total + value for total, value in zip(sums, found, strict=True))

        zeros = (tf.zeros(spec.shape, spec.dtype) for spec in specs)
        return list(
            tf.while_loop(
                lambda index, *_: index < self.parts,
                add,
                (tf.constant(0), *zeros),
                parallel_iterations=1,
                maximum_iterations=self.parts,
            )[1:]
        )
