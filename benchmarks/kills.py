"""Kills a small training at random moments, again and again, and compares its end with that of an undisturbed one.

    python benchmarks/kills.py [--kills 100] [--seed 0] [--output FILE.json]

Each training is killed once after a random time (by SIGKILL, or by SIGTERM every fourth time), started again, and must
end with the weights, the history and the position of the undisturbed one, bit for bit, and leave nothing else behind.
There are as many such trainings as kills. The experiment is a made-up one of two tasks, whose checkpoints follow each
other quickly.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import yaml

from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.lock import LOCK_FILE
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder

WORDS = ["river", "stone", "cloud", "forest", "engine", "harbor", "violin", "planet", "garden", "copper"]
SIGNS = {"weather": "stormy", "music": "melodic", "travel": "distant"}
ROWS = {"train": 256, "validation": 32, "test": 32}


def experiment(folder: Path) -> Path:
    """Writes a made-up corpus and the configuration of a small training on it; returns the path of the latter."""
    generator = random.Random(7)
    paths = {}
    for split, rows in ROWS.items():
        lines = []
        for _ in range(rows):
            label = generator.choice(sorted(SIGNS))
            words = [*generator.choices(WORDS, k=generator.randint(4, 16)), SIGNS[label]]
            generator.shuffle(words)
            row = {"text": " ".join(words), "label": label, "score": float(words.count("river"))}
            lines.append(json.dumps(row) + "\n")
        paths[split] = str(folder / f"{split}.jsonl")
        Path(paths[split]).write_text("".join(lines), encoding="utf-8")
    values = {
        "name": "kills",
        "sources": {"made_up": {"format": "jsonl", **paths}},
        "tasks": {"label": {"kind": "classification"}, "score": {"kind": "regression"}},
        "tokenizer": {"vocabulary_size": 320},
        "model": {"encoder": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 32, "max_length": 32}},
        "training": {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2, "checkpoint_every": 4},
    }
    path = folder / "kills.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def start(config: Path, run: Path) -> subprocess.Popen:
    """Starts or resumes the training."""
    command = [sys.executable, "-m", "tfmtl.cli", "train", str(config), "--run", str(run)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(config: Path, run: Path) -> float:
    """Trains to the end; returns the seconds that it took."""
    began = time.monotonic()
    process = start(config, run)
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"the training ended with {process.returncode}: {errors[-2000:]}")
    return time.monotonic() - began


def moment(run: Path) -> str:
    """Returns how far a training has come, by what is in its folder."""
    if not (run / "config.yaml").is_file():
        return "before it has claimed its folder"
    if not any((run / "checkpoints").glob("update-*.npz")):
        return "before its first checkpoint"
    return "between its checkpoints"


def killed(config: Path, run: Path, seconds: float, generator: random.Random, report: dict) -> bool:
    """Starts a training and kills it at a random moment; returns whether it had not ended before."""
    process = start(config, run)
    try:
        process.wait(generator.uniform(0.0, seconds))
    except subprocess.TimeoutExpired:
        sent = signal.SIGTERM if generator.random() < 0.25 else signal.SIGKILL
        report["moments"][moment(run)] += 1
        process.send_signal(sent)
        process.wait()
        report["ends"][f"{sent.name}: exit code {process.returncode}"] += 1
        report["left"] += len([path for path in run.rglob(".*") if path.name != LOCK_FILE])
        return True
    if process.returncode:
        raise SystemExit(f"the training ended with {process.returncode}: {process.stderr.read()[-2000:]}")
    return False


def differences(found: Path, expected: Path) -> list[str]:
    """Returns what distinguishes two trainings at their ends, or is left over; nothing if all is well."""
    ends = [Checkpoints(RunFolder(run).checkpoints).latest() for run in (found, expected)]
    models = [keras.models.load_model(RunFolder(run).best_model).get_weights() for run in (found, expected)]
    histories = [RunFolder(run).history.read_text(encoding="utf-8") for run in (found, expected)]
    same = {
        "weights and optimizer": all(map(np.array_equal, ends[0].variables, ends[1].variables)),
        "position": ends[0].state == ends[1].state,
        "best model": all(map(np.array_equal, *models)),
        "history": histories[0] == histories[1],
        "nothing left over": not any(found.rglob(".*")),
    }
    return [name for name, is_same in same.items() if not is_same]


def main() -> None:
    """Prints the numbers as JSON, and writes them to a file if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    generator = random.Random(arguments.seed)
    report = {"kills": 0, "trainings": 0, "same": 0, "left": 0, "moments": Counter(), "ends": Counter()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = experiment(folder)
        report["seconds"] = round(finish(config, folder / "undisturbed"), 1)
        while report["kills"] < arguments.kills:
            run = folder / "disturbed"
            report["kills"] += killed(config, run, report["seconds"], generator, report)
            finish(config, run)
            wrong = differences(run, folder / "undisturbed")
            report["trainings"] += 1
            report["same"] += not wrong
            print(
                f"{report['kills']} kills, {report['same']} of {report['trainings']} the same {wrong or ''}", flush=True
            )
            shutil.rmtree(run)
            if arguments.output:
                with atomic_write(arguments.output) as aside:
                    aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))
    if report["same"] < report["trainings"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
