"""Measures the time to the first update and the peak memory of a training on many rows, started twice.

    python benchmarks/growth.py ROWS [--folder DIR] [--output FILE.json] [--in-memory]

The rows are made of sentences of the docstrings of the installed packages (the source `pydocs`), about 1,000 characters
each; their label is the package. The first start reads and tokenizes them into an empty cache; the second one, of
another run, finds them there. `--in-memory` turns the cache off, and starts once.

Memory is what the process holds of its own (`RssAnon` of Linux) and all of its pages (`VmRSS`), among which are those
of files, which the system takes back when it needs them.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tfmtl.core.atomic_write import atomic_write

CHARACTERS = 1000
"""The least number of characters of a row."""

VALIDATION_ROWS = 1000


def write_rows(path: Path, rows: int, seed: int) -> None:
    """Writes rows of random sentences of one package each."""
    from tfmtl.data.sources.pydocs import PydocsOptions, cached_records, limited

    options = PydocsOptions()
    sentences: dict[str, list[str]] = {}
    for record in limited(cached_records(), options.minimum_per_package, options.maximum_per_package):
        sentences.setdefault(record["package"], []).extend(re.split(r"(?<=[.!?])\s+", " ".join(record["text"].split())))
    generator, packages = random.Random(seed), sorted(sentences)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(rows):
            package, length, chosen = generator.choice(packages), 0, []
            while length < CHARACTERS:
                chosen.append(generator.choice(sentences[package]))
                length += len(chosen[-1])
            file.write(json.dumps({"text": " ".join(chosen), "package": package}) + "\n")


def memory() -> dict[str, int]:
    """Returns the memory of this process in bytes."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {line[0].rstrip(":"): 1024 * int(line[1]) for line in lines if line[0] in ("RssAnon:", "VmRSS:")}


def start(folder: Path, run: str, in_memory: bool) -> None:
    """Begins a training in this process and prints what was measured when the first update has been made."""
    began, peak = time.monotonic(), {}

    def watch() -> None:
        while True:
            for name, now in memory().items():
                peak[name] = max(peak.get(name, 0), now)
            time.sleep(0.05)

    threading.Thread(target=watch, daemon=True).start()

    import logging

    import keras

    from tfmtl.config.experiment import parse
    from tfmtl.runs.run_folder import RunFolder
    from tfmtl.training import prepared_data
    from tfmtl.training.train import train_run

    logging.basicConfig(format=f"%(relativeCreated)d ms {run}: %(message)s", stream=sys.stderr)
    logging.getLogger("tfmtl").setLevel(logging.INFO)
    imported, stages = time.monotonic() - began, {}
    for name in ("load_or_find_streams", "_tokenizer", "_plan"):
        setattr(prepared_data, name, timed(getattr(prepared_data, name), name.strip("_"), stages))
    cached = prepared_data.CachedData
    cached.train_tables = timed(cached.train_tables, "tables", stages)

    class First(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seconds = {"import": imported, **stages, "first update": time.monotonic() - began}
            found = {"seconds": {name: round(value, 1) for name, value in seconds.items()}, "peak": peak}
            print(json.dumps({**found, "at the update": memory()}), flush=True)
            # Nothing of what would follow belongs to the start.
            os._exit(0)

    experiment = {
        "sources": {"rows": {split: str(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}},
        "tasks": {"package": {"kind": "classification", "label": "package"}},
        "model": {"encoder": {"layers": 1, "hidden": 64, "heads": 2, "feedforward": 128}},
        "training": {"epochs": 2, "strategy": "none"},
        "cache": {"enabled": not in_memory, "folder": str(folder / "cache")},
    }
    train_run(parse(experiment), RunFolder(folder / run), lambda training: [First()])


def timed(function, name: str, stages: dict[str, float]):
    """Returns the function, which adds the seconds that it takes to `stages`."""

    def call(*args, **kwargs):
        began = time.monotonic()
        try:
            return function(*args, **kwargs)
        finally:
            stages[name] = stages.get(name, 0.0) + time.monotonic() - began

    return call


def measured(folder: Path, run: str, in_memory: bool) -> dict:
    """Starts a training in a process of its own; returns what it has measured, and the load of the machine."""
    load = os.getloadavg()[0]
    code = f"import growth; from pathlib import Path; growth.start(Path({str(folder)!r}), {run!r}, {in_memory})"
    command = [sys.executable, "-c", code]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})
    if process.returncode:
        raise SystemExit(process.returncode)
    return {**json.loads(process.stdout.splitlines()[-1]), "load before": round(load, 1)}


def main() -> None:
    """Writes the rows, starts twice, and prints what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", type=int)
    parser.add_argument("--folder", type=Path, help="an empty folder for the rows and the cache; temporary if absent")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--in-memory", action="store_true")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp()) if options.folder is None else options.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for number, (split, rows) in enumerate(
            {"train": options.rows, "validation": VALIDATION_ROWS, "test": VALIDATION_ROWS}.items()
        ):
            if not (folder / f"{split}.jsonl").is_file():
                write_rows(folder / f"{split}.jsonl", rows, number)
        starts = ["in memory"] if options.in_memory else ["first", "second"]
        found = {name: measured(folder, name.replace(" ", "_"), options.in_memory) for name in starts}
        result = {"rows": options.rows, "bytes": (folder / "train.jsonl").stat().st_size, "cores": os.cpu_count()}
        if not options.in_memory:
            parts = (folder / "cache").iterdir()
            result["cache"] = {
                part.name: sum(file.stat().st_size for file in part.rglob("*") if file.is_file()) for part in parts
            }
        text = json.dumps({**result, "starts": found}, indent=1)
        print(text)
        if options.output:
            with atomic_write(options.output) as aside:
                aside.write_text(text + "\n", encoding="utf-8")
    finally:
        if options.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
