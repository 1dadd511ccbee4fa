"""Scores the simple baselines of an experiment's tasks on a split, by the project's own metrics.

    python benchmarks/baselines.py CONFIG [--split test] [--output FILE.json]

Majority and mean, leads of the text; linear SVMs and naive Bayes on TF-IDF words and word pairs; and for pairs the
cosine of their words.
"""

import argparse
import json
from pathlib import Path

from tfmtl.config.yaml_file import load_experiment
from tfmtl.data.columns import is_present
from tfmtl.data.streams import load_streams
from tfmtl.kinds.kind import kind_of
from tfmtl.metrics.scoring import quick_scores


def main() -> None:
    """Prints the scores as JSON, and writes them where `--output` says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config")
    parser.add_argument("--split", default="test")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    streams, _ = load_streams(load_experiment(arguments.config), ("train", arguments.split))
    scores = {}
    for stream in streams:
        train, asked = stream.splits["train"], stream.splits[arguments.split]
        for task in stream.tasks:
            kind, targets = kind_of(task), asked.targets[task.name]
            learned = train.take(is_present(train.targets[task.name]))
            scores[task.name] = {
                name: quick_scores(task, targets, kind.predictions(answer))
                for name, answer in kind.baselines(task, learned, asked).items()
            }
    text = json.dumps({"split": arguments.split, "tasks": scores}, indent=2) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
