"""Measures the examples per second of the input pipeline alone and of training.

    python benchmarks/throughput.py CONFIG [--updates 30] [--precision float32 mixed_bfloat16]

Reads the experiment's own data, measures the pipeline with an empty loop as its only consumer, then `train_function` on
the same batches. Rounds of all variants alternate; the medians are printed as JSON.
"""

import argparse
import json
import statistics
import time

import keras
import tensorflow as tf

from tfmtl.config.yaml_file import load_experiment
from tfmtl.data.batches import batches
from tfmtl.data.plan import padding_share, tokens_read
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model


def main() -> None:
    """Prints the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config")
    parser.add_argument("--updates", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", nargs="+", default=["float32"])
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    base = load_experiment(arguments.config, arguments.settings)
    data = prepare(base, RunFolder("runs/none"), replicas=1)
    rows = base.training.batch_size * arguments.updates
    tokens = int(tokens_read(data.tables, data.plan)[: arguments.updates].sum())
    models = {}
    for precision in arguments.precision:
        experiment = load_experiment(arguments.config, [*arguments.settings, f"training.precision={precision}"])
        models[precision] = compile_model(experiment, data)[0]
        models[precision].make_train_function()
    seconds: dict[str, list[float]] = {name: [] for name in ["pipeline", *models]}
    for _ in range(arguments.rounds + 1):
        seconds["pipeline"].append(_drain(batches(data.tables, data.plan, 0, arguments.updates)))
        for precision, model in models.items():
            seconds[precision].append(train_seconds(model, batches(data.tables, data.plan, 0, arguments.updates)))
    # The first round traces and fills caches.
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    report = {
        "config": arguments.config,
        "padding_share": round(padding_share(data.tables, data.plan), 4),
        "pipeline_examples_per_second": round(rows / medians["pipeline"]),
        "training": {
            precision: {
                "examples_per_second": round(rows / medians[precision], 1),
                "tokens_per_second": round(tokens / medians[precision]),
                "seconds_per_update": round(medians[precision] / arguments.updates, 4),
                "pipeline_is_faster_by": round(medians[precision] / medians["pipeline"], 1),
            }
            for precision in models
        },
    }
    print(json.dumps(report, indent=2))


def _drain(dataset: tf.data.Dataset) -> float:
    start = time.perf_counter()
    for _ in dataset:
        pass
    return time.perf_counter() - start


def train_seconds(model: keras.Model, dataset: tf.data.Dataset) -> float:
    """Returns the seconds that a compiled model trains on the batches of a dataset."""
    iterator = iter(dataset)
    start = time.perf_counter()
    while True:
        try:
            model.train_function(iterator)
        except (StopIteration, tf.errors.OutOfRangeError):
            return time.perf_counter() - start


if __name__ == "__main__":
    main()
