"""Measures the seconds per update of a pretrained encoder by optimizer, and with frozen parts.

    python benchmarks/optimizer_step.py PRESET [--rows 32] [--length 16] [--rounds 20] [--updates 5]

A head with six classes learns from random texts of pieces of the preset's vocabulary. All variants make the same
updates in turn, round after round. Prints the medians, of wall-clock and of CPU time, as JSON.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfmtl.config.experiment import Experiment, parse
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import compile_model

VARIANTS = {
    "adamw": {"optimizer": "adamw"},
    "lazy_adamw": {"optimizer": "lazy_adamw"},
    "embedding frozen": {"optimizer": "adamw", "frozen": "embedding"},
    "all frozen": {"optimizer": "adamw", "frozen": True},
}


def main() -> None:
    """Prints the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset")
    for name, value in {"rows": 32, "length": 16, "rounds": 20, "updates": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        seconds = _seconds(arguments, Path(folder))
    medians = {name: [statistics.median(of) for of in zip(*times, strict=True)] for name, times in seconds.items()}
    report = {
        name: {
            "seconds_per_update": round(wall, 4),
            "cpu_seconds_per_update": round(cpu, 4),
            "times_adamw": round(wall / medians["adamw"][0], 2),
        }
        for name, (wall, cpu) in medians.items()
    }
    print(json.dumps(report, indent=2))


def _seconds(arguments, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Returns the wall-clock and CPU seconds per update of each variant in each round."""
    _write_texts(arguments, folder)
    models = {}
    for name, choices in VARIANTS.items():
        experiment = _experiment(arguments, folder, **choices)
        data = prepare(experiment, RunFolder(folder / "none"), replicas=1)
        models[name] = compile_model(experiment, data)[0]
        models[name].make_train_function()
    tokens = np.random.default_rng(0).integers(10, data.tokenizer.vocabulary_size, [arguments.rows, arguments.length])
    batch = {"tokens": tf.constant(tokens, tf.int32)}, {"label": tf.range(arguments.rows) % 6}
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    for _ in range(arguments.rounds + 1):
        for name, model in models.items():
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(arguments.updates):
                model.train_function(batches)
            passed = time.perf_counter() - wall, time.process_time() - cpu
            seconds[name].append(tuple(each / arguments.updates for each in passed))
    # The first round traces.
    return {name: times[1:] for name, times in seconds.items()}


def _experiment(arguments, folder: Path, optimizer: str, frozen: bool | str = False) -> Experiment:
    encoder = {"type": "preset", "preset": arguments.preset, "max_length": 64, "frozen": frozen}
    paths = {split: str(folder / "texts.jsonl") for split in ("train", "validation", "test")}
    training = {"strategy": "none", "learning_rate": 1e-4, "optimizer": {"type": optimizer}}
    return parse(
        {
            "name": "optimizer_step",
            "sources": {"texts": {"format": "jsonl", **paths}},
            "tasks": {"label": {"kind": "classification", "source": "texts"}},
            "model": {"encoder": encoder},
            "training": {**training, "batch_size": arguments.rows},
        }
    )


def _write_texts(arguments, folder: Path) -> None:
    """Writes rows with six labels; their texts only have to be read, because batches are drawn at random."""
    rows = [{"text": f"a text {row}", "label": str(row % 6)} for row in range(4 * arguments.rows)]
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
