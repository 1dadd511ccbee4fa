"""Three steps of a tiny model by every balancing method; as a program, those of one worker out of several.

python every_method.py OUTPUT.npz CASE...
"""

import random
import sys

import keras
import numpy as np
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.balancing.method import LossWeighting
from tfmtl.core.registry import BALANCING
from tfmtl.data.tables import Slice
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.batch_rows import BatchRows
from tfmtl.training.gradient_update import GradientUpdate
from tfmtl.training.representation_update import RepresentationUpdate
from tfmtl.training.update import Update
from tfmtl.training.variable_usage import variable_usage

CASES = {entry.name: (entry.name, {}) for entry in BALANCING}
CASES["mgda by the representation"] = ("mgda", {"gradients_of": "representation"})
TASKS = (
    Classification(name="topic", source="s", labels=("x", "y")),
    Regression(name="stars", source="s"),
    Regression(name="price", source="t"),
)
HEADS = {"topic": 2, "stars": 1, "price": 1}
GROUPS = [["topic", "stars"], ["price"]]
SLICES = [Slice("tokens", ("topic", "stars", "price"), ())]


def optimize_graphs(is_on: bool) -> None:
    """Turns Grappler on or off, which takes longer over these small graphs than they take to run."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not is_on})


def step_batch(step: int):
    """Eight rows: five of the first source, in one of which a score is absent, and three of the second."""
    generator = np.random.default_rng(step)
    first = np.arange(8) < 5
    return (
        {"tokens": generator.integers(0, 6, size=[8, 3]).astype(np.int32)},
        {
            "topic": np.where(first, generator.integers(0, 2, size=8), -1).astype(np.int32),
            "stars": np.where(first & (np.arange(8) != 2), generator.normal(size=8), np.nan).astype(np.float32),
            "price": np.where(first, np.nan, generator.normal(size=8)).astype(np.float32),
        },
    )


class TinyNetwork:
    """As much of a network as an update knows of: a dense layer on the mean of the embeddings, and dense heads."""

    def __init__(self, precision: str):
        random = "glorot_normal"
        self.embedding = keras.layers.Embedding(6, 4, embeddings_initializer=random, name="embedding", dtype=precision)
        self.encoder = keras.layers.Dense(4, activation="tanh", name="encoder", dtype=precision)
        self.heads = {name: keras.layers.Dense(size, name=name) for name, size in HEADS.items()}

    def encode_shared(self, tokens, training=None):
        states = self.encoder(keras.ops.mean(self.embedding(tokens), axis=1))
        return states, [states]

    def slice_outputs(self, part, inputs, encoded, training=None):
        outputs = {name: self.heads[name](encoded) for name in part.heads}
        return {name: out if name == "topic" else keras.ops.squeeze(out, axis=-1) for name, out in outputs.items()}


def make_model(precision: str = "float32") -> MultiTaskModel:
    random.seed(0)
    tokens, network = keras.Input((None,), dtype="int32", name="tokens"), TinyNetwork(precision)
    states, _ = network.encode_shared(tokens)
    model = MultiTaskModel(inputs={"tokens": tokens}, outputs=network.slice_outputs(SLICES[0], {}, states))
    model.network, model.slices = network, SLICES
    return model


def make_update(model, method: str, options: dict, groups=GROUPS, parts: int = 1) -> Update:
    balancing = get(method, **options)
    balancing.tasks = list(TASKS)
    losses = {task.name: kind_of(task).loss(task, None) for task in TASKS}
    rows = BatchRows(SLICES, losses)
    accumulation = Accumulation(rows, parts)
    if isinstance(balancing, LossWeighting):
        balancing.build(len(TASKS))
        return Update(losses, balancing, 1.0, accumulation)
    usage = variable_usage(model)
    balancing.build(len(TASKS), sum(int(np.prod(model.trainable_variables[k].shape)) for k in usage.shared))
    if options:
        return RepresentationUpdate(losses, balancing, 1.0, accumulation, usage)
    update = GradientUpdate(losses, balancing, 1.0, accumulation, usage)
    if len(groups) > 1:
        update.group(groups, rows)
    return update


def trained(
    strategy, method: str, options: dict, precision="float32", active=None, scale=None, in_graph=True, **of_update
):
    """Returns the weights and the state of the method after three steps.

    Args:
        strategy: how replicas are run.
        method: of balancing.
        options: of the method.
        precision: of the model.
        active: 0 for a stopped task.
        scale: of the loss, where it is scaled.
        in_graph: whether the step is traced, which takes longer than three steps without it do.
        **of_update: see `make_update`.
    """
    with strategy.scope():
        model = make_model(precision)
        update = make_update(model, method, options, **of_update)
        optimizer = keras.optimizers.SGD(0.1)
        if scale:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
        model.compile(optimizer, update=update, jit_compile=False)
        model.optimizer.build(model.trainable_variables)
        update.active.assign(active or [1.0] * len(TASKS))

    def step(batch):
        strategy.run(lambda part: update.train(model, part) and None, args=(batch,))

    if in_graph:
        step = tf.function(step, autograph=False)
    replicas = strategy.num_replicas_in_sync
    for number in range(3):
        batch = step_batch(number)

        def part(context, batch=batch):
            mine = slice(context.replica_id_in_sync_group, None, replicas)
            return tf.nest.map_structure(lambda values: tf.constant(values[mine]), batch)

        step(strategy.experimental_distribute_values_from_function(part))
    return [variable.numpy() for variable in (*model.trainable_variables, *update.variables)]


def main(output: str, *cases: str) -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    found = {case: trained(strategy, *CASES[case], in_graph=False) for case in cases}
    if strategy.cluster_resolver.task_id == 0:
        np.savez(output, **{f"{case}:{k}": value for case, values in found.items() for k, value in enumerate(values)})


if __name__ == "__main__":
    main(*sys.argv[1:])
