"""The test scores of adapted runs, one for each draw of rows, beside simple systems that learn from the same rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmtl.adaptation.adapt_run import AdaptedRun
from tfmtl.core.atomic_write import atomic_write
from tfmtl.core.markdown import plain, table
from tfmtl.kinds.kind import kind_of
from tfmtl.metrics.scoring import quick_scores, write_evaluation

Scores = dict[str, dict[str, float]]
"""The metrics of each system, by its name."""


def scores_of(run: AdaptedRun, system: str) -> dict[str, Scores]:
    """Returns the test scores of each new task that has a test split: those of the run, and of simple systems.

    Args:
        run: the adapted run.
        system: the name under which its own scores stand.
    """
    found = {}
    for stream in run.given.streams:
        for task in (task for task in stream.tasks if task.name in run.answers):
            test = stream.splits["test"]
            answers = {system: run.answers[task.name], **kind_of(task).baselines(task, run.given.rows[task.name], test)}
            targets = test.targets[task.name]
            found[task.name] = {
                name: quick_scores(task, targets, kind_of(task).predictions(answer)) for name, answer in answers.items()
            }
    return found


def summary(method: str, shots: int | None, scores: Mapping[int, Mapping[str, Scores]]) -> dict[str, Any]:
    """Returns the scores of all draws with their mean and spread, as JSON values.

    Args:
        method: the name of the method.
        shots: the number of rows of each label; `None` if all rows were used.
        scores: the result of `scores_of` for each seed.

    Returns:
        `{"method": ..., "shots": ..., "seeds": [...], "tasks": {TASK: {SYSTEM: {METRIC: {"mean": ..., "spread": ...,
        "scores": [...]}}}}}`; the spread is the standard deviation of the scores, with one degree of freedom less, and
        `None` if there is only one.
    """
    draws = [*scores.values()]
    tasks = {
        task: {
            system: {metric: _spread([draw[task][system][metric] for draw in draws]) for metric in metrics}
            for system, metrics in systems.items()
            if all(system in draw[task] for draw in draws)
        }
        for task, systems in draws[0].items()
    }
    return {"method": method, "shots": shots, "seeds": [*scores], "tasks": tasks}


def _spread(scores: Sequence[float]) -> dict[str, Any]:
    spread = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
    return {"mean": float(np.mean(scores)), "spread": spread, "scores": list(scores)}


def as_markdown(found: Mapping[str, Any]) -> str:
    """Returns a summary as a page."""
    seeds, shots = found["seeds"], found["shots"]
    rows = "all rows" if shots is None else f"{shots} rows of each label"
    drawn = (
        "" if shots is None else f", drawn by {len(seeds)} seeds" if len(seeds) > 1 else f", drawn by seed {seeds[0]}"
    )
    lines = [f"# New tasks from {rows}{drawn}", ""]
    for task, systems in found["tasks"].items():
        metrics = list(next(iter(systems.values())))
        body = [[plain(name), *(_cell(scores[metric]) for metric in metrics)] for name, scores in systems.items()]
        lines += [f"## {plain(task)}", "", *table(["system", *metrics], body), ""]
    if not found["tasks"]:
        lines += ["No source has a test split, so nothing is measured.", ""]
    elif len(seeds) > 1:
        lines += ["Means over the draws, with their standard deviations; all systems learn from the same rows.", ""]
    return "\n".join(lines)


def _cell(score: Mapping[str, Any]) -> str:
    return f"{score['mean']:.4f}" + ("" if score["spread"] is None else f" ± {score['spread']:.4f}")


def write_summary(folder: Path, found: Mapping[str, Any]) -> None:
    """Writes a summary as `adaptation_scores.json` and `adaptation_scores.md` into a folder."""
    write_evaluation(folder / "adaptation_scores.json", found)
    with atomic_write(folder / "adaptation_scores.md") as aside:
        aside.write_text(as_markdown(found), encoding="utf-8")
