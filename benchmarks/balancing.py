"""Trains an experiment by many balancing methods with equal budgets, and writes what each of them reaches on test.

    python benchmarks/balancing.py CONFIG --output FOLDER [--methods fixed ...] [--seeds 0 1 2] [--set KEY=VALUE]...

Every training and evaluation is a process of its own, one after the other; its run stays in `runs/`, and the same
command goes on where it was interrupted. Beside all methods stand the baselines: equal weights (`fixed`), random ones
(`rlw`), and with `--tune` those with the best validation score among a few, each of which is a training too. A method's
name may be followed by options, as in `excess_mtl:step_size=0.01`.
`FOLDER/<name>.json` holds each run's test metrics, seconds of all processors while it trained and peak memory,
`FOLDER/<name>.md` their table, with the difference of each method to equal weights on the same rows, and the seconds of
an update where `balancing_step.py` has written them to `FOLDER/<name>_step.json`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.markdown import table as markdown_table
from tfmtl.core.registry import BALANCING, METRICS
from tfmtl.metrics.bootstrap import percentile_interval
from tfmtl.reports.answers import Answers, read_answers
from tfmtl.reports.comparison.paired import paired_difference
from tfmtl.runs.identity import experiment_of
from tfmtl.runs.run_folder import RunFolder

TUNING_RUNS = 6
"""Trainings with weights drawn from 1/4 to 4, on a logarithmic scale, among which those of `tuned` are chosen."""

PRIMARY = {"classification": "accuracy", "regression": "pearson", "summarization": "rougeL"}


class Runs:
    """The trainings of one experiment, each made once.

    Args:
        config: the file.
        folder: where the results are kept.
        settings: `KEY=VALUE` of every training.
    """

    def __init__(self, config: Path, folder: Path, settings: list[str]):
        self._config = config
        self._settings = settings
        self.name = config.stem
        tasks = load_experiment(config, settings).tasks
        self.kinds = {name: task.kind for name, task in tasks.items()}
        self.shares_rows = len({task.source for task in tasks.values()}) == 1
        self._path = folder / f"{self.name}.json"
        self.results = json.loads(self._path.read_text(encoding="utf-8")) if self._path.is_file() else {}

    def result(self, label: str, balancing: dict, seed: int) -> dict:
        """Returns what a training reached, which is made if it has not been made before."""
        key = f"{label}/{seed}"
        if key not in self.results:
            self.results[key] = {
                "balancing": balancing,
                "settings": self._settings,
                **self._trained(label, balancing, seed),
            }
            with atomic_write(self._path) as aside:
                aside.write_text(json.dumps(self.results, indent=1) + "\n", encoding="utf-8")
        return self.results[key]

    def _trained(self, label: str, balancing: dict, seed: int) -> dict:
        run = self._folder(label, seed).path
        settings = [*self._settings, f"balancing={json.dumps(balancing)}", f"training.seed={seed}"]
        train = ["train", str(self._config), "--run", str(run), *(part for s in settings for part in ("--set", s))]
        cost = _command(train)
        _command(["evaluate", str(run)])
        with (run / "history.csv").open(newline="", encoding="utf-8") as file:
            scores = [float(row["val_score"]) for row in csv.DictReader(file)]
        test = json.loads((run / "evaluation_test.json").read_text(encoding="utf-8"))["tasks"]
        return {
            "validation_score": max(scores),
            "test": {task: test[task][PRIMARY[kind]] for task, kind in self.kinds.items()},
            **cost,
        }

    def answers(self, label: str, seed: int) -> dict[str, Answers]:
        """Returns what a training's best model has answered to each task on test."""
        run = self._folder(label, seed)
        return read_answers(run.answers("test"), experiment_of(run).tasks)

    def _folder(self, label: str, seed: int) -> RunFolder:
        return RunFolder(Path("runs") / f"balancing-{self.name}" / f"{label}-{seed}")

    @property
    def tasks(self) -> list[str]:
        return list(self.kinds)


def _command(arguments: list[str]) -> dict:
    """Runs a command of tfmtl; returns the seconds that it kept processors busy, and the most memory that it had."""
    process = subprocess.Popen([sys.executable, "-m", "tfmtl.cli", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"tfmtl {' '.join(arguments)} failed")
    return {"cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1), "memory_mib": usage.ru_maxrss // 1024}


def tuned(runs: Runs, seed: int) -> dict:
    """Returns the weights with the best validation score, equal ones among them."""
    drawn = 4.0 ** np.random.default_rng(0).uniform(-1, 1, size=[TUNING_RUNS, len(runs.tasks)])
    candidates = [{"method": "fixed"}]
    for weights in drawn.round(3).tolist():
        candidates.append({"method": "fixed", "weights": dict(zip(runs.tasks, weights, strict=True))})
    scored = []
    for number, candidate in enumerate(candidates):
        label = f"tuning{number}" if number else "fixed"
        scored.append(runs.result(label, candidate, seed)["validation_score"])
    return candidates[int(np.argmax(scored))]


def difference(runs: Runs, label: str, seeds: list[int]) -> dict:
    """Returns the mean over tasks of the difference to equal weights, with its 95 % interval over rows."""
    first, second = ([runs.answers(name, seed) for seed in seeds] for name in ("fixed", label))
    found = []
    for task, kind in runs.kinds.items():
        metric, targets = METRICS.get(PRIMARY[kind]).build(), first[0][task].targets
        sides = ([answers[task].predictions for answers in side] for side in (first, second))
        # Tasks of different sources share no row, though as many: rows of each are drawn by a seed of its own.
        seed = 0 if runs.shares_rows else len(found)
        found.append(paired_difference(metric, targets, *sides, samples=1000, seed=seed))
    interval = percentile_interval(np.mean([of_task.replicates for of_task in found], axis=0))
    return {"value": float(np.mean([of_task.value for of_task in found])), "interval": interval}


def rows(runs: Runs, seeds: list[int]) -> Iterator[dict]:
    """Yields a row of the table for each method that has a result of every seed."""
    labels = list(dict.fromkeys(key.rpartition("/")[0] for key in runs.results))
    equal = _mean_of_tasks(runs, "fixed", seeds)
    for label in labels:
        found = [runs.results.get(f"{label}/{seed}") for seed in seeds]
        if label.startswith("tuning") or not all(found):
            continue
        of_tasks = _mean_of_tasks(runs, label, seeds)
        scores = [np.mean(list(result["test"].values())) for result in found]
        yield {
            "method": label,
            "mean": float(np.mean(scores)),
            "deviation": float(np.std(scores, ddof=1)) if len(scores) > 1 else None,
            "difference": difference(runs, label, seeds),
            "tasks": of_tasks,
            "delta": {task: value - equal[task] for task, value in of_tasks.items()},
            "cpu_seconds": float(np.mean([result["cpu_seconds"] for result in found])),
            "memory_mib": max(result["memory_mib"] for result in found),
        }


def _mean_of_tasks(runs: Runs, label: str, seeds: list[int]) -> dict[str, float]:
    return {task: np.mean([runs.results[f"{label}/{s}"]["test"][task] for s in seeds]) for task in runs.tasks}


def table(runs: Runs, seeds: list[int], seconds: dict[str, float]) -> str:
    """Returns the methods as a Markdown table, the best mean of the tasks' test metrics first.

    Args:
        runs: all that have been made.
        seeds: with each of which a method has been trained.
        seconds: of an update by some methods, of `balancing_step.py`.
    """
    few = len(runs.tasks) <= 4
    header = ["method", "mean of tasks", "less equal weights", *(runs.tasks if few else ("tasks better", "worst task"))]
    cells = []
    for row in sorted(rows(runs, seeds), key=lambda row: -row["mean"]):
        spread = "" if row["deviation"] is None else f" ± {100 * row['deviation']:.1f}"
        value, bounds = row["difference"]["value"], row["difference"]["interval"]
        low, high = (f"{100 * bound:+.1f}" for bound in bounds)
        line = [f"`{row['method']}`", f"{100 * row['mean']:.1f}{spread}", f"{100 * value:+.1f} ({low} to {high})"]
        line += [f"{100 * row['tasks'][task]:.1f}" for task in runs.tasks] if few else _few_of_many(row["delta"])
        of_update = seconds.get(row["method"])
        line += ["" if of_update is None else f"{of_update:.3f}", f"{row['cpu_seconds']:.0f}", f"{row['memory_mib']}"]
        cells.append(line)
    return "\n".join(markdown_table([*header, "seconds an update", "CPU seconds", "MiB"], cells)) + "\n"


def _few_of_many(delta: dict[str, float]) -> list[str]:
    better, worst = sum(value > 0 for value in delta.values()), min(delta, key=delta.get)
    return [f"{better} of {len(delta)}", f"{worst} {100 * delta[worst]:+.1f}"]


def _balancing(method: str) -> dict:
    """Returns the section of a method, such as `excess_mtl`, or of one with options, such as `stch:mu=0.5,warmup=0`."""
    name, _, options = method.partition(":")
    named = (option.partition("=") for option in options.split(",") if option)
    return {"method": name, **{key: yaml.safe_load(value) for key, _, value in named}}


def main() -> None:
    """Makes what is missing, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=[entry.name for entry in BALANCING])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--tune", action="store_true", help="train the candidates of tuned weights too")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    runs = Runs(arguments.config, arguments.output, arguments.settings)
    for method in dict.fromkeys(["fixed", *arguments.methods]):
        for seed in arguments.seeds:
            runs.result(method, _balancing(method), seed)
    if arguments.tune:
        best = tuned(runs, arguments.seeds[0])
        for seed in arguments.seeds:
            runs.result("tuned", best, seed)
    step = arguments.output / f"{runs.name}_step.json"
    seconds = json.loads(step.read_text(encoding="utf-8"))["seconds_per_update"] if step.is_file() else {}
    text = table(runs, arguments.seeds, seconds)
    with atomic_write(arguments.output / f"{runs.name}.md") as aside:
        aside.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
