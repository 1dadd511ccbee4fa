"""Runs made by hand: nothing is trained."""

import numpy as np
import pytest

from tfmtl.config.experiment import parse
from tfmtl.config.options import EvaluationOptions
from tfmtl.metrics.scoring import evaluate_task
from tfmtl.reports.answers import Answers
from tfmtl.reports.comparison.compared_run import ComparedRun
from tfmtl.reports.comparison.cost import TrainingCost

ROWS = 60
TEXTS = [f"text {row}" for row in range(ROWS)]
LABELS = ("x", "y")
TARGETS = {
    "topic": np.random.default_rng(0).integers(2, size=ROWS),
    "title": [(f"one two {row}",) for row in range(ROWS)],
    "stars": np.random.default_rng(1).normal(size=ROWS).astype(np.float32),
}
TASKS = {
    "topic": {"kind": "classification", "source": "s", "labels": list(LABELS)},
    "title": {"kind": "summarization", "source": "s"},
    "stars": {"kind": "regression", "source": "s", "target": "stars"},
}


def answered(task: str, quality: float, seed: int):
    """Answers of which about a share of `quality` is right."""
    generator = np.random.default_rng(seed)
    right = generator.random(ROWS) < quality
    if task == "topic":
        return np.eye(2, dtype=np.float32)[np.where(right, TARGETS["topic"], 1 - TARGETS["topic"])]
    if task == "title":
        return [
            references[0] if good else "other words" for references, good in zip(TARGETS["title"], right, strict=True)
        ]
    return np.where(right, TARGETS["stars"], generator.normal(size=ROWS)).astype(np.float32)


@pytest.fixture
def compared():
    """Makes a run of tasks with the quality of their answers."""

    def make(name, qualities, seed=0, hidden=64, updates=100, texts=TEXTS, **sections):
        experiment = parse(
            {
                "name": name,
                "sources": {"s": {"format": "tsv", "train": "train.tsv"}},
                "tasks": {task: TASKS[task] for task in qualities},
                "model": {"encoder": {"hidden": hidden}},
                "training": {"seed": seed},
                "evaluation": {"bootstrap_samples": 200},
                **sections,
            }
        )
        options = EvaluationOptions(bootstrap_samples=100)
        answers, metrics = {}, {}
        for number, (task, quality) in enumerate(qualities.items()):
            predictions = answered(task, quality, 10 * seed + number)
            answers[task] = Answers(list(texts), TARGETS[task], predictions)
            metrics[task] = evaluate_task(experiment.tasks[task], TARGETS[task], predictions, options, 0)
        losses = {task: [(float(step), 3.0 - step / 50) for step in range(100)] for task in qualities}
        cost = TrainingCost(updates, 60.0, 1000.0, losses)
        return ComparedRun(f"runs/{name}", experiment, metrics, answers, 1000, cost, 2.0)

    return make
