"""Three updates of lazy AdamW on gradients by rows, which each replica has a share of; run in a process per worker."""

import sys

import keras
import numpy as np
import tensorflow as tf

from tfmtl.training.optimizers.lazy_adamw import LazyAdamW
from tfmtl.training.row_gradients import rows_summed, scaled
from tfmtl.training.update import all_sum

SHAPE = (6, 3)
ROWS = np.int32([[0, 2, 2, 5], [1, 1, 1, 0], [2, 3, 2, 3]])


def trained(strategy, worker: int = 0) -> dict[str, np.ndarray]:
    """Returns the embedding after three updates, and the norm of the last gradient."""
    replicas = strategy.num_replicas_in_sync
    with strategy.scope():
        embedding = keras.Variable(np.random.default_rng(9).normal(size=SHAPE), dtype="float32", name="embeddings")
        optimizer = LazyAdamW(0.1, decay=0.5, rows=["embeddings"])
        optimizer.build([embedding])

    def step(values, indices):
        [gradient] = all_sum([tf.IndexedSlices(values, indices, tf.constant(SHAPE))])
        gradient = rows_summed(gradient)
        optimizer.apply([scaled(gradient, 1.0 / replicas)], [embedding])
        return tf.linalg.global_norm([gradient])

    run = tf.function(lambda *given: strategy.run(step, args=given), autograph=False)
    for number, rows in enumerate(ROWS):
        values = np.random.default_rng(number).normal(size=[len(rows), SHAPE[1]]).astype(np.float32)
        norm = run(tf.constant(values[worker::replicas]), tf.constant(rows[worker::replicas]))
    optimizer.catch_up()
    return {"embedding": embedding.numpy(), "norm": np.asarray(norm)}


if __name__ == "__main__":
    of_workers = tf.distribute.MultiWorkerMirroredStrategy()
    found = trained(of_workers, of_workers.cluster_resolver.task_id)
    np.savez(f"{sys.argv[1]}_{of_workers.cluster_resolver.task_id}.npz", **found)
