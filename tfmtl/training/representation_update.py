"""An update whose weights follow from the tasks' gradients by the shared states of the trunk."""

import itertools
from collections.abc import Sequence

import tensorflow as tf

from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.split_update import SplitUpdate
from tfmtl.training.update import all_sum, dense, specs


class RepresentationUpdate(SplitUpdate):
    """An update by a method that finds weights from gradients by the shared representation (Sener & Koltun 2018).

    A task's gradient by the representation `[rows, length, hidden]` costs a backward pass through its head alone; the
    trunk has one backward pass, of the weighted sum of the losses. With MGDA these are the weights of MGDA-UB, the
    minimum of an upper bound. Inner products are summed over all replicas, each of which has different rows.

    Gradients of tasks without a common row are orthogonal here, whatever their gradients by the parameters are.
    """

    def _gradients(self, model, batch, counts):
        variables, scale = model.trainable_variables, model.optimizer.scale_loss(1.0)
        shared = [variables[position] for position in self._shared]
        own = [variables[position] for _, position in self._own]
        weigh = self._weigh_by_gram(model, batch, counts, scale)

        def compute(part) -> list[tf.Tensor]:
            with tf.GradientTape(persistent=True) as tape:
                shares, states = self._forward(model, part, counts)
                parts = [scale * share for share in shares]
                losses = tf.stop_gradient(tf.stack(shares))
                with tape.stop_recording():
                    weights = weigh(losses, lambda: self._inner_products(tape, parts, states) / scale**2)
                loss = tf.reduce_sum(tf.stack(parts) * weights)
            of_shared = tape.gradient(loss, shared)
            # One pass for each task, not for each of its variables: all of these passes would be in the graph.
            of_own = [
                tape.gradient(share, [variables[position] for position in self._usage.own(task)])
                for task, share in zip(self.tasks, parts, strict=True)
            ]
            found = zip([*of_shared, *itertools.chain(*of_own)], [*shared, *own], strict=True)
            return [losses, *(dense(gradient, variable) for gradient, variable in found)]

        losses, *gradients = self._accumulation.total(batch, compute, [self._of_tasks(), *specs([*shared, *own])])
        self.losses.assign(all_sum(losses))
        gradients = all_sum(gradients)
        of_shared, of_own = gradients[: len(shared)], gradients[len(shared) :]
        gradients = dict(zip(self._shared, of_shared, strict=True)) | self._weighed(of_own, self.weights.value)
        return [dense(gradients.get(position), variable) for position, variable in enumerate(variables)]

    def _forward(self, model: MultiTaskModel, batch, counts: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Returns this replica's share of each loss, and the states of the trunk for each slice."""
        inputs, targets = batch
        outputs: dict[str, list[tf.Tensor]] = {}
        states = []
        for part in model.slices:
            encoded, shared = model.network.encode_shared(inputs[part.tokens], training=True)
            states += shared
            for name, output in model.network.slice_outputs(part, inputs, encoded, training=True).items():
                outputs.setdefault(name, []).append(output)
        joined = {name: tf.concat(parts, axis=0) for name, parts in outputs.items()}
        return self._shares_of(self.tasks, targets, joined, counts), states

    def _weigh_by_gram(self, model, batch, counts, scale):
        """Returns the function that weighs the losses; see `Update._weigh`."""

        def weights_of(losses, gram):
            present = (counts > 0) & (self.active.value > 0)
            losses, gram = all_sum(losses), all_sum(gram)
            # The method must learn nothing from a gradient that overflows, for which the optimizer skips the update.
            present &= tf.reduce_all(tf.math.is_finite(gram))
            gram = tf.where(present[:, None] & present[None, :], gram, 0.0)
            weights = self.balancing.weights_of(gram, losses, present) * self.active.value
            self.gram.assign(gram)
            self.weights.assign(weights)
            return weights

        if self._accumulation.parts == 1:
            return lambda losses, inner_products: weights_of(losses, inner_products())

        def compute(part) -> list[tf.Tensor]:
            with tf.GradientTape(persistent=True) as tape:
                shares, states = self._forward(model, part, counts)
                parts = [scale * share for share in shares]
            return [tf.stack(shares), self._inner_products(tape, parts, states) / scale**2]

        tasks = len(self.tasks)
        gram = tf.TensorSpec([tasks, tasks], tf.float32)
        weights = weights_of(*self._accumulation.total(batch, compute, [self._of_tasks(), gram]))
        return lambda losses, inner_products: weights

    def _inner_products(self, tape, losses: Sequence[tf.Tensor], states: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the inner products of the tasks' gradients by this replica's representations, `[tasks, tasks]`."""
        rows = []
        for loss in losses:
            found = tape.gradient(loss, states)
            parts = [
                tf.zeros_like(z) if gradient is None else gradient for gradient, z in zip(found, states, strict=True)
            ]
            rows.append(tf.concat([tf.reshape(tf.cast(part, tf.float32), [-1]) for part in parts], axis=0))
        matrix = tf.stack(rows)
        return tf.matmul(matrix, matrix, transpose_b=True)
