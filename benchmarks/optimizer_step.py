"""Measures the seconds per update of a pretrained trunk by optimizer, with frozen parts, and with LoRA.

    python benchmarks/optimizer_step.py PRESET [--rows 32] [--length 16] [--rounds 20] [--updates 5] [--only lora ...]

A head with six classes learns from random texts of pieces of the preset's vocabulary. All variants make the same
updates in turn, round after round. Prints the medians, of wall-clock and of CPU time, as JSON, and the peak memory of
the process, which tells variants apart if one is measured at a time.
"""

import argparse
import json
import resource
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
    "adamw": ("adamw", {}),
    "lazy_adamw": ("lazy_adamw", {}),
    "embedding_frozen": ("adamw", {"frozen": "embedding"}),
    "lora": ("adamw", {"lora": {"rank": 8}}),
    "all_frozen": ("adamw", {"frozen": True}),
}


def main() -> None:
    """Prints the medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("preset")
    for name, value in {"rows": 32, "length": 16, "rounds": 20, "updates": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        seconds = _seconds(arguments, Path(folder))
    medians = {name: [statistics.median(of) for of in zip(*times, strict=True)] for name, times in seconds.items()}
    report = {
        name: {
            "seconds_per_update": round(wall, 4),
            "cpu_seconds_per_update": round(cpu, 4),
            "times_first": round(wall / next(iter(medians.values()))[0], 2),
        }
        for name, (wall, cpu) in medians.items()
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({**report, "peak_gibibytes": round(peak, 2)}, indent=2))


def _seconds(arguments, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """Returns the wall-clock and CPU seconds per update of each variant in each round."""
    _write_texts(arguments, folder)
    models = {}
    for name in arguments.only:
        experiment = _experiment(arguments, folder, *VARIANTS[name])
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


def _experiment(arguments, folder: Path, optimizer: str, options: dict) -> Experiment:
    encoder = {"type": "preset", "preset": arguments.preset, "max_length": max(64, arguments.length), **options}
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
