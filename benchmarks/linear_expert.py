"""Scores what a run's network and its linear experts say, each alone and both together.

    python benchmarks/linear_expert.py RUN... [--split validation]

Accuracy of each task that has an expert, and the mean over the tasks of all runs: runs of single tasks are named
together.
"""

import argparse

import numpy as np
import tensorflow as tf
from tfmtl.data.targets import has_target
from tfmtl.models.builder import LINEAR_EXPERTS, linear_scores

from tfmtl.data.streams import load_streams
from tfmtl.generation.reader import Reader
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
        reader = run.reader()
        experts = reader.model.get_layer(LINEAR_EXPERTS).classes
        streams, _ = load_streams(run.experiment(), ("train", arguments.split))
        for stream in streams:
            for task in (task for task in stream.tasks if task.name in experts):
                rows = stream.splits[arguments.split]
                rows = rows.take(has_target(rows.targets[task.name]))
                opinions = _opinions(reader, task.name, rows.text)
                found = [np.mean(opinions[name] == rows.targets[task.name]) for name in _OPINIONS]
                accuracies.append(found)
                print(task.name, *(f"{value:.4f}" for value in found), len(rows), sep="\t", flush=True)
    print("mean", *(f"{value:.4f}" for value in np.mean(accuracies, axis=0)), sep="\t")


def _opinions(reader: Reader, task: str, texts: np.ndarray) -> dict[str, np.ndarray]:
    """Returns the class that each of `_OPINIONS` chooses, int `[rows]`."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def ask(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        tokens = reader.pack(text)
        return reader.answer([task], tokens)[task], linear_scores(reader.model, tokens)[task]

    parts = [ask(list(texts[start : start + _ROWS])) for start in range(0, len(texts), _ROWS)]
    probabilities, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    # The answer is the mean of both logits, so the network's follow from it, but for what all classes share.
    network = 2 * np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)) - scores
    said = {"network": network, "expert": scores, "together": probabilities}
    return {name: logits.argmax(axis=1) for name, logits in said.items()}


if __name__ == "__main__":
    main()
