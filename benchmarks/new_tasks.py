"""Measures how well a trained run learns new tasks from few rows, beside linear models of words.

    python benchmarks/new_tasks.py RUN --output FOLDER [--shots 1 4 8 16 32] [--seeds 0 ... 9] [--sets agnews ...]

Each set is learned from so many rows of each label, drawn by each seed, with every method, from the same rows; the
whole test split is measured. `FOLDER/new_tasks.json` has every score, `FOLDER/new_tasks.md` the tables: means and
standard deviations over draws, and the difference of each method from the linear probe with a paired interval at 95 %,
for which draws and test rows are drawn anew together. AG News is read with title and description in one text, as
published results read it, and without the training rows whose text is in the test split. SST-2 is measured on its
development split, whose labels are known. A text is read once for all draws.
"""

import argparse
import csv
import gzip
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.adaptation.adapt_run import Adapter
from tfmtl.adaptation.method import Start
from tfmtl.config.adaptation import parse_adaptation
from tfmtl.core.markdown import table
from tfmtl.core.registry import ADAPTATION
from tfmtl.kinds.kind import kind_of
from tfmtl.metrics.bootstrap import percentile_interval
from tfmtl.runs.run_folder import RunFolder

DATA = Path("../shared/data")
METHODS: dict[str, dict[str, Any]] = {
    "probe": {"method": "probe"},
    "prototypes": {"method": "prototypes"},
    "auto without names": {"method": "auto", "name_weight": [0.0]},
    "auto": {"method": "auto"},
    "contrastive": {"method": "contrastive"},
    "full": {"method": "full"},
}
QUICK = ("probe", "prototypes", "auto without names", "auto")
"""The methods that stand on vectors which all of them and all draws share."""
SAMPLES = 2000


def agnews(folder: Path) -> dict[str, Any]:
    """AG News (Zhang et al. 2015), title and description; the four topics by their names."""
    names = {"1": "World", "2": "Sports", "3": "Business", "4": "Sci/Tech"}
    read = {}
    for split, name in (("train", "train_20k.csv"), ("test", "test.csv")):
        with open(DATA / "agnews" / name, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if row[0] in names]
        read[split] = [{"text": f"{title} {text}", "label": names[label]} for label, title, text in rows]
    known = {row["text"] for row in read["test"]}
    read["train"] = [row for row in read["train"] if row["text"] not in known]
    return {"source": _written(folder, read), "task": {}}


def sst2(folder: Path) -> dict[str, Any]:
    """SST-2 (Socher et al. 2013) in GLUE's version; its development split is the test split here."""
    paths = {"train": str(DATA / "glue/SST-2/train.tsv"), "test": str(DATA / "glue/SST-2/dev.tsv")}
    return {
        "source": {"format": "tsv", **paths},
        "task": {"text": "sentence", "names": {"0": "negative", "1": "positive"}},
    }


def snips(folder: Path) -> dict[str, Any]:
    """The intents of SNIPS (Coucke et al. 2018), in the split of Goo et al. 2018."""
    read = {}
    for split in ("train", "test"):
        with gzip.open(DATA / "snips" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        read[split] = [{"text": " ".join(row["words"]), "label": row["intent"]} for row in rows]
    return {"source": _written(folder, read), "task": {}}


SETS = {"agnews": agnews, "sst2": sst2, "snips": snips}


def _written(folder: Path, splits: Mapping[str, Sequence[Mapping]]) -> dict[str, str]:
    paths = {}
    for split, rows in splits.items():
        path = folder / f"{len(rows)}_{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        paths[split] = str(path)
    return {"format": "jsonl", **paths}


def measured(
    adapter: Adapter, name: str, folder: Path, draws: tuple[Sequence[int], Sequence[int]], systems: Sequence[str]
) -> dict[str, Any]:
    """Returns whether each test row is right, bool `[draws, rows]`, and the median seconds of each method.

    Args:
        adapter: the adapter of the run.
        name: one of `SETS`.
        folder: a folder for the files of the set.
        draws: the numbers of rows of each label, and the seeds that draw them.
        systems: the names of the methods.

    Returns:
        Both by the number of shots and by system.
    """
    made, (shots, seeds) = SETS[name](folder), draws
    right, seconds = {}, {}
    for few in shots:
        hits: dict[str, list[np.ndarray]] = {}
        times: dict[str, list[float]] = {}
        for seed in seeds:
            for system, (of_rows, took) in _draw(adapter, name, made, {"shots": few, "seed": seed}, systems).items():
                hits.setdefault(system, []).append(of_rows)
                times.setdefault(system, []).append(took)
        right[few] = {system: np.array(draws) for system, draws in hits.items()}
        seconds[few] = {system: float(np.median(draws)) for system, draws in times.items()}
        print(name, few, {system: round(float(draws.mean()), 4) for system, draws in right[few].items()}, flush=True)
    return {"right": right, "seconds": seconds}


def _draw(
    adapter: Adapter, name: str, made: Mapping[str, Any], draw: Mapping[str, int], systems: Sequence[str]
) -> dict[str, tuple]:
    """Returns, for each system, whether each test row is right, and the seconds that it took to learn."""
    sections = {
        "name": name,
        "sources": {name: made["source"]},
        "tasks": {"answer": {"kind": "classification", "source": name, **made["task"]}},
    }
    given = adapter.prepare(parse_adaptation({**sections, "adapt": draw}))
    task, rows, test = given.tasks["answer"], given.rows["answer"], given.streams[0].splits["test"]
    start = Start(adapter.reader, given.experiment, adapter.features)
    answers = {system: (answer, 0.0) for system, answer in kind_of(task).baselines(task, rows, test).items()}
    for system in systems:
        section = METHODS[system]
        choice = parse_adaptation({**sections, "adapt": {**section, **draw}}).adapt
        method = ADAPTATION.get(choice.name).build(choice.options)
        began = time.perf_counter()
        if system in QUICK:
            solved = method.solutions(start, given.tasks, given.rows)["answer"]
            took = time.perf_counter() - began
            answers[system] = solved.answer(task, test, adapter.features), took
        else:
            learned = method.learn(start, given.tasks, given.rows)
            took = time.perf_counter() - began
            answers[system] = adapter.answers(learned, given)["answer"], took
    targets = test.targets["answer"]
    return {
        system: (kind_of(task).predictions(answer).argmax(axis=1) == targets, took)
        for system, (answer, took) in answers.items()
    }


def difference(first: np.ndarray, second: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Returns the gain in accuracy from the first system to the second, with its interval at 95 %.

    Draws and test rows are drawn anew, with replacement, and together for both systems.

    Args:
        first: whether the first system is right, bool `[draws, rows]`.
        second: the same for the second system.
    """
    gain = second.astype(np.float32) - first
    generator = np.random.default_rng(0)
    replicates = []
    for _ in range(SAMPLES):
        draws, rows = (np.bincount(generator.integers(0, size, size), minlength=size) for size in gain.shape)
        replicates.append(draws @ gain @ rows / gain.size)
    return float(gain.mean()), percentile_interval(np.array(replicates))


def tables(found: Mapping[str, Any]) -> list[str]:
    """Returns the lines of the tables of all sets."""
    lines = []
    for name, of_set in found["sets"].items():
        systems = list(next(iter(of_set.values()))["accuracy"])
        rows = [
            [str(few), *(_cell(of_few["accuracy"][system]) for system in systems)] for few, of_few in of_set.items()
        ]
        lines += [f"## {name}", "", *table(["rows of each label", *systems], rows), ""]
        compared = list(next(iter(of_set.values()))["over_probe"])
        rows = [
            [str(few), *("{:+.1f} ({:+.1f} to {:+.1f})".format(*of_few["over_probe"][system]) for system in compared)]
            for few, of_few in of_set.items()
        ]
        lines += ["Difference from the probe, in points:", "", *table(["rows of each label", *compared], rows), ""]
    return lines


def _cell(scores: Sequence[float]) -> str:
    spread = f" ± {100 * np.std(scores, ddof=1):.1f}" if len(scores) > 1 else ""
    return f"{100 * np.mean(scores):.1f}{spread}"


def summary(right: Mapping[str, np.ndarray], seconds: Mapping[str, float]) -> dict[str, Any]:
    """Returns the accuracies of the draws, the differences from the probe in points, and the seconds of a set."""
    over = {}
    for system, of_system in right.items():
        if system != "probe" and system in METHODS and "probe" in right:
            gain, interval = difference(right["probe"], of_system)
            over[system] = [100 * gain, *(100 * bound for bound in interval)]
    accuracy = {system: [float(draw.mean()) for draw in draws] for system, draws in right.items()}
    return {
        "accuracy": accuracy,
        "over_probe": over,
        "seconds": {name: seconds[name] for name in METHODS if name in seconds},
    }


def main() -> None:
    """Measures what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="the folder of a trained run")
    parser.add_argument("--output", type=Path, required=True, help="the folder of the results")
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(QUICK))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    arguments = parser.parse_args()
    adapter, found = Adapter(RunFolder.open(arguments.run)), {"seeds": arguments.seeds, "sets": {}}
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            result = measured(adapter, name, Path(folder), (arguments.shots, arguments.seeds), arguments.methods)
        found["sets"][name] = {few: summary(of_few, result["seconds"][few]) for few, of_few in result["right"].items()}
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "new_tasks.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (arguments.output / "new_tasks.md").write_text("\n".join(tables(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
