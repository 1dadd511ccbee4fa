"""Scores the simple baselines of an experiment's tasks on a split, by the project's own metrics.

    python benchmarks/baselines.py CONFIG [--split test] [--output FILE.json]

Majority and mean, leads of the text; linear SVMs and naive Bayes on TF-IDF words and word pairs; and for pairs the
cosine of their words.
"""

import argparse
import json
from pathlib import Path

from tfmtl.reports.baselines import baselines
from tfmtl.reports.similarity_baselines import similarity_answers

from tfmtl.config.yaml_file import load_experiment
from tfmtl.data.streams import load_streams
from tfmtl.metrics.scoring import quick_scores
from tfmtl.reports.linear_baselines import labelled_texts, linear_answers


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
            targets, train_targets = asked.targets[task.name], train.targets[task.name]
            scores[task.name] = baselines(task, train_targets, asked.text, targets)
            answers = linear_answers(task, labelled_texts(task, train, asked))
            answers |= similarity_answers(task, train, asked)
            scores[task.name] |= {name: quick_scores(task, targets, found) for name, found in answers.items()}
    text = json.dumps({"split": arguments.split, "tasks": scores}, indent=2) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
