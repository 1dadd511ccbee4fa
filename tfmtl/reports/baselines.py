"""What a task scores without a model of ours: the scores that training has to beat."""

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch

import numpy as np

from tfmtl.data.targets import has_target
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.kinds.task import Task
from tfmtl.metrics.metric import Rows
from tfmtl.metrics.scoring import quick_scores
from tfmtl.metrics.sentences import split_sentences
from tfmtl.reports.linear_baselines import one_hot

Scores = dict[str, float]


def baselines(task: Task, train_targets: Rows, texts: Sequence[str], targets: Rows) -> dict[str, Scores]:
    """Scores the answers that need no learning.

    Args:
        task: the task, its labels known.
        train_targets: the targets of train, from which the answers are chosen.
        texts: the texts of the split that is scored, `[rows]`.
        targets: its targets, `[rows]`.

    Returns:
        the metrics of each baseline by name, as `baseline_answers` has them.
    """
    answers = baseline_answers(task, train_targets, texts)
    return {name: quick_scores(task, targets, predictions) for name, predictions in answers.items()}


def baseline_answers(task: Task, train_targets: Rows, texts: Sequence[str]) -> Mapping[str, Rows]:
    """Returns the answers that need no learning.

    Classification has `majority`, the most frequent label of train; regression has `mean`, the mean of train;
    summarization has `first_sentence`, `first_3_sentences`, and `first_words`, as many as a reference of train has on
    average.

    Args:
        task: the task, its labels known.
        train_targets: the targets of train, from which the answers are chosen.
        texts: the texts that are asked, `[rows]`.

    Returns:
        the predictions of each baseline by name.
    """
    kept = has_target(train_targets)
    return _answers(task, [target for target, keep in zip(train_targets, kept, strict=True) if keep], texts)


@singledispatch
def _answers(task: Task, train_targets: list, texts: Sequence[str]) -> Mapping[str, Rows]:
    """Returns the predictions of each baseline by name."""
    raise TypeError(f"no baseline for {type(task).__name__}")


@_answers.register
def _(task: Classification, train_targets: list, texts: Sequence[str]) -> Mapping[str, Rows]:
    majority = np.bincount(train_targets).argmax()
    return {"majority": one_hot(np.full(len(texts), majority), len(task.labels))}


@_answers.register
def _(task: Regression, train_targets: list, texts: Sequence[str]) -> Mapping[str, Rows]:
    return {"mean": np.full(len(texts), np.mean(train_targets))}


@_answers.register
def _(task: Summarization, train_targets: list, texts: Sequence[str]) -> Mapping[str, Rows]:
    words = round(np.mean([len(references[0].split()) for references in train_targets]))
    leads: dict[str, Callable[[str], str]] = {
        "first_sentence": lambda text: "".join(split_sentences(text)[:1]),
        "first_words": lambda text: " ".join(text.split()[:words]),
        "first_3_sentences": lambda text: "\n".join(split_sentences(text)[:3]),
    }
    return {name: [lead(text) for text in texts] for name, lead in leads.items()}
