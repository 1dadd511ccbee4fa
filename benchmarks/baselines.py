"""Scores the simple baselines of an experiment's tasks on a split, with the project's own metrics.

    python benchmarks/baselines.py CONFIG [--split test] [--output FILE.json]

The baselines are the majority and the mean, the beginning of the text, linear SVMs and naive Bayes on TF-IDF words and
word pairs, and for pairs the cosine of their words.
"""

import argparse
import json
from pathlib import Path

from tfmtl.config.experiment import Experiment
from tfmtl.config.yaml_file import load_experiment
from tfmtl.data.columns import is_present
from tfmtl.data.streams import load_streams
from tfmtl.kinds.kind import kind_of
from tfmtl.metrics.scoring import quick_scores


def scores(experiment: Experiment, split: str) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the metrics of each baseline on a split, by task."""
    streams, _ = load_streams(experiment, ("train", split))
    found = {}
    for stream in streams:
        train, asked = stream.splits["train"], stream.splits[split]
        for task in stream.tasks:
            kind, targets = kind_of(task), asked.targets[task.name]
            learned = train.take(is_present(train.targets[task.name]))
            found[task.name] = {
                name: quick_scores(task, targets, kind.predictions(answer))
                for name, answer in kind.baselines(task, learned, asked).items()
            }
    return found


def main() -> None:
    """Prints the scores as JSON, and writes them to the file of `--output`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config")
    parser.add_argument("--split", default="test")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    text = (
        json.dumps(
            {"split": arguments.split, "tasks": scores(load_experiment(arguments.config), arguments.split)}, indent=2
        )
        + "\n"
    )
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
