"""What a model answered to three rows: one task of each kind."""

import numpy as np

from tfmtl.config.options import EvaluationOptions
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.metrics.scoring import evaluate_task
from tfmtl.reports.task_result import TaskResult

OPTIONS = EvaluationOptions(bootstrap_samples=100)
TEXTS = ["first | text", "second\ntext", "third " * 100]


def objects(values):
    array = np.empty(len(values), object)
    array[:] = values
    return array


def result_of(task, targets, answer):
    metrics = evaluate_task(task, targets, kind_of(task).predictions(answer), OPTIONS, seed=0)
    return TaskResult(task, objects(TEXTS), targets, answer, metrics)


SUBJECT = result_of(
    Classification(name="subject", source="s", labels=("math", "physics")),
    np.array([0, 1, 1]),
    {
        "label": objects(["math", "math", "math"]),
        "probabilities": np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]], np.float32),
    },
)
SCORE = result_of(
    Regression(name="score", source="s"), np.array([1.0, np.nan, 3.0]), {"score": np.array([1.5, 9.0, 1.0])}
)
TITLE = result_of(
    Summarization(name="title", source="s"),
    objects([("ref one",), ("ref *two*",), ()]),
    {"summary": objects(["one", "two", "three"])},
)
