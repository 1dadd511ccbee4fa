"""The batches of a run, for training or inspecting its Keras model in another way."""

from pathlib import Path

import tensorflow as tf

from tfmtl.data.batches import batches
from tfmtl.data.plan import plan_pass
from tfmtl.data.streams import load_streams
from tfmtl.data.tables import build_tables
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare


def datasets(run: RunFolder | str | Path) -> dict[str, tf.data.Dataset]:
    """Returns the batches of a run's splits, as its model reads them.

    `train` contains every batch of the last stage of the training, in order; `validation` and `test` contain each row
    once. Elements are `(inputs, targets)`: the inputs are the tokens of each slice, int32 `[rows, length]`, and the
    targets that decoders read, by the names of the model's inputs; the targets `[rows, ...]` are by task.

    Args:
        run: the run, or its folder.

    Raises:
        UserError: if there is no such run, or its data cannot be read or has changed.
    """
    run = run if isinstance(run, RunFolder) else RunFolder.open(run)
    experiment = experiment_of(run)
    data = prepare(experiment, run, replicas=1)
    streams, _ = load_streams(experiment, ("test",))
    packing = experiment.model.encoder.options.packing
    tables = build_tables(streams, "test", data.tokenizer, packing, data.slices)
    return {
        "train": batches(data.tables, data.plan),
        "validation": batches(data.validation_tables, data.validation_plan),
        "test": batches(tables, plan_pass(tables, experiment.evaluation.batch_size)),
    }
