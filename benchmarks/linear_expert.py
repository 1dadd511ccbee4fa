"""Scores what a run's network and its linear experts say, each alone and both together.

    python benchmarks/linear_expert.py RUN... [--split validation]

Accuracy of each task that has an expert, and the mean over the tasks of all runs: runs of single tasks are named
together.
"""

import argparse

import numpy as np
import tensorflow as tf

from tfmtl.data.columns import is_present
from tfmtl.data.streams import load_streams
from tfmtl.generation.reader import Reader
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder

_ROWS = 32
_OPINIONS = ("network", "expert", "together")


def main() -> None:
    """Prints a line a task, and the means."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--split", default="validation")
    arguments = parser.parse_args()
    print("task", *_OPINIONS, "rows", sep="\t")
    accuracies = []
    for run in map(RunFolder.open, arguments.runs):
        reader = load_reader(run)
        experts = reader.model.network.layers.linear_experts.classes
        streams, _ = load_streams(experiment_of(run), ("train", arguments.split))
        for stream in streams:
            for task in (task for task in stream.tasks if task.name in experts):
                rows = stream.splits[arguments.split]
                rows = rows.take(is_present(rows.targets[task.name]))
                opinions = _opinions(reader, task.name, rows.text)
                found = [np.mean(opinions[name] == rows.targets[task.name]) for name in _OPINIONS]
                accuracies.append(found)
                print(task.name, *(f"{value:.4f}" for value in found), len(rows), sep="\t", flush=True)
    print("mean", *(f"{value:.4f}" for value in np.mean(accuracies, axis=0)), sep="\t")


def _opinions(reader: Reader, task: str, texts: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the class that each of `_OPINIONS` chooses, int `[rows]`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def ask(text: tf.Tensor) -> dict[str, tf.Tensor]:
        network, tokens = reader.model.network, reader.pack(text)
        encoded, scores = network.encode(tokens), network.linear_scores(tokens)
        head = network.head_outputs([task], encoded)[task]
        said = {"network": head, "expert": scores[task], "together": network.answer(task, encoded, scores)}
        return {name: tf.argmax(logits, axis=1) for name, logits in said.items()}

    parts = [ask(list(texts[start : start + _ROWS])) for start in range(0, len(texts), _ROWS)]
    return {name: np.concatenate([part[name] for part in parts]) for name in _OPINIONS}


if __name__ == "__main__":
    main()
