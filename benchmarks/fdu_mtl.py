"""Mean error of a run on FDU-MTL's tasks, with and without the test rows that also stand in train.

python benchmarks/fdu_mtl.py RUN [--output FILE.json]
"""

import argparse
import json
from pathlib import Path

import numpy as np

from tfmtl.data.streams import load_streams
from tfmtl.generation.batch_reader import BatchReader, answer_split
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder


def main() -> None:
    """Prints the errors as JSON, and writes them where `--output` says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    run = RunFolder.open(arguments.run)
    experiment = experiment_of(run)
    # Validation was cut from the official train files: a test row that stands there is a known row as well.
    streams, _ = load_streams(experiment, ("train", "validation", "test"))
    answers = answer_split(BatchReader(load_reader(run), experiment.evaluation.batch_size), streams, "test")
    errors = {}
    for stream in streams:
        seen = {text for split in ("train", "validation") for text in map(_key, stream.splits[split].text)}
        test = stream.splits["test"]
        fresh = np.array([_key(text) not in seen for text in test.text])
        for task in stream.tasks:
            wrong = answers[task.name]["probabilities"].argmax(axis=1) != test.targets[task.name]
            errors[task.name] = {
                "error": float(wrong.mean()),
                "error_without_seen_rows": float(wrong[fresh].mean()),
                "rows": len(wrong),
                "seen_rows": int((~fresh).sum()),
            }
    means = {key: float(np.mean([row[key] for row in errors.values()])) for key in ("error", "error_without_seen_rows")}
    text = json.dumps({"mean": means, "tasks": errors}, indent=2) + "\n"
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


def _key(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
