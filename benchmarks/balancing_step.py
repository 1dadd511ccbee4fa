"""Measures the seconds per update of each balancing method, compared with fixed weights.

    python benchmarks/balancing_step.py CONFIG [--methods fixed pcgrad mgda:representation] [--tasks 8]
        [--set KEY=VALUE]... [--output FILE.json]

A method's name may be followed by the value of its `gradients_of`. The experiment is compiled once for each method;
then all methods make the same updates in turn, round after round. Prints the medians as JSON.
"""

import argparse
import json
import statistics
from pathlib import Path

import keras
import tensorflow as tf
from throughput import train_seconds

from tfmtl.config.experiment import Experiment, parse
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.registry import BALANCING
from tfmtl.data.batches import batches
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model


def experiment_of(values: dict, method: str, tasks: int | None) -> Experiment:
    """Returns the experiment with another method, and with only its first `tasks` tasks unless that is `None`."""
    name, _, gradients_of = method.partition(":")
    chosen = dict(list(values["tasks"].items())[:tasks])
    sources = {task["source"] for task in chosen.values() if "source" in task}
    return parse(
        {
            **values,
            "tasks": chosen,
            "sources": {key: value for key, value in values.get("sources", {}).items() if key in sources},
            "balancing": {"method": name, **({"gradients_of": gradients_of} if gradients_of else {})},
        }
    )


def main() -> None:
    """Prints the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--methods", nargs="+", default=[entry.name for entry in BALANCING])
    parser.add_argument("--tasks", type=int, help="use only this many tasks, the first")
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    values = load_experiment(arguments.config, arguments.settings).as_mapping()
    methods = list(dict.fromkeys(["fixed", *arguments.methods]))
    data = prepare(experiment_of(values, "fixed", arguments.tasks), RunFolder("runs/none"), replicas=1)
    models: dict[str, keras.Model] = {}
    for method in methods:
        model, _ = compile_model(experiment_of(values, method, arguments.tasks), data)
        model.make_train_function()
        train_seconds(model, _batches(data, arguments.updates))
        models[method] = model
    seconds: dict[str, list[float]] = {method: [] for method in methods}
    for _ in range(arguments.rounds):
        for method, model in models.items():
            seconds[method].append(train_seconds(model, _batches(data, arguments.updates)) / arguments.updates)
    medians = {method: statistics.median(values) for method, values in seconds.items()}
    report = {
        "config": str(arguments.config),
        "tasks": len(data.tasks),
        "seconds_per_update": {method: round(median, 4) for method, median in medians.items()},
        "times_fixed": {method: round(median / medians["fixed"], 2) for method, median in medians.items()},
    }
    text = json.dumps(report, indent=2) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


def _batches(data, updates: int) -> tf.data.Dataset:
    return batches(data.tables, data.plan, 0, updates)


if __name__ == "__main__":
    main()
