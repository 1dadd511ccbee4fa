"""A question answering task's section of a run's report: questions with and without an answer, and mistakes."""

import numpy as np

from tfmtl.kinds.question_answering.metrics import METRICS
from tfmtl.reports.task_result import SAMPLES, TaskResult, cells_table


def section(result: TaskResult) -> list[str]:
    """Returns a table of the metrics of questions with and without an answer, and the most confident mistakes."""
    scores = {name: metric().per_example(result.targets, result.predictions) for name, metric in METRICS.items()}
    has_answer = np.array([bool(answers[0].text) for answers in result.targets])
    found = np.array([bool(text) for text in result.predictions])
    table = [
        (name, rows.sum(), (found & rows).sum(), *(f"{values[rows].mean():.3f}" for values in scores.values()))
        for name, rows in (("with an answer", has_answer), ("without", ~has_answer))
        if rows.any()
    ]
    header = ("questions", "rows", "answered", *METRICS)
    return [
        "By whether the context answers the question:",
        "",
        *cells_table(header, table),
        "",
        *_worst(result, scores),
    ]


def _worst(result: TaskResult, scores) -> list[str]:
    wrong = np.flatnonzero(scores["f1"] == 0.0)
    if not len(wrong):
        return ["Every answer has a word of a true one."]
    surest = wrong[np.argsort(-result.answer["score"][wrong], kind="stable")][:SAMPLES]
    rows = [
        (
            result.texts[row],
            " / ".join(dict.fromkeys(text for text, _ in result.targets[row])) or "none",
            result.predictions[row] or "none",
            f"{result.answer['score'][row]:.3f}",
        )
        for row in surest
    ]
    return ["The most confident mistakes:", "", *cells_table(("question", "true", "predicted", "score"), rows)]
