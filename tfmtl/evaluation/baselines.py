"""What a task scores without a model of ours: the scores that training has to beat."""

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from tfmtl.data.targets import has_target
from tfmtl.evaluation.evaluate import quick_scores
from tfmtl.evaluation.metric import Rows
from tfmtl.evaluation.sentences import split_sentences
from tfmtl.tasks.kinds.classification import Classification
from tfmtl.tasks.kinds.regression import Regression
from tfmtl.tasks.kinds.summarization import Summarization
from tfmtl.tasks.task import Task

Scores = dict[str, float]


def baselines(task: Task, train_targets: Rows, texts: Sequence[str], targets: Rows) -> dict[str, Scores]:
    """Scores the answers that need no learning.

    Classification has `majority`, the most frequent label of train; regression has `mean`, the mean of train;
    summarization has `first_sentence`, `first_3_sentences`, and `first_words`, as many as a reference of train has on
    average.

    Args:
        task: the task, its labels known.
        train_targets: the targets of train, from which the answers are chosen.
        texts: the texts of the split that is scored, `[rows]`.
        targets: its targets, `[rows]`.

    Returns:
        the metrics of each baseline by name.
    """
    train_targets = [target for target, kept in zip(train_targets, has_target(train_targets), strict=True) if kept]
    answers = _answers(task, train_targets, texts)
    return {name: quick_scores(task, targets, predictions) for name, predictions in answers.items()}


def linear_baselines(
    train_texts: Sequence[str], train_targets: Rows, texts: Sequence[str], targets: Rows, labels: Sequence[str]
) -> dict[str, Scores]:
    """Scores scikit-learn's `naive_bayes` and `linear_svm` on TF-IDF weighted words and word pairs.

    Args:
        train_texts: texts of train, `[train rows]`.
        train_targets: their classes, int `[train rows]`; -1 where there is none.
        texts: texts of the split that is scored, `[rows]`.
        targets: their classes, int `[rows]`; -1 where there is none.
        labels: the label set.

    Returns:
        the metrics of each baseline by name.
    """
    task = Classification(name="linear", source="train", labels=tuple(labels))
    kept = has_target(train_targets)
    known_texts = [text for text, keep in zip(train_texts, kept, strict=True) if keep]
    known_targets = np.asarray(train_targets)[kept]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    features = vectorizer.fit_transform(known_texts)
    asked = vectorizer.transform(texts)
    models = {"naive_bayes": MultinomialNB(alpha=0.1), "linear_svm": LinearSVC()}
    return {
        name: quick_scores(task, targets, _one_hot(model.fit(features, known_targets).predict(asked), len(labels)))
        for name, model in models.items()
    }


@singledispatch
def _answers(task: Task, train_targets: list, texts: Sequence[str]) -> Mapping[str, Rows]:
    """Returns the predictions of each baseline by name."""
    raise TypeError(f"no baseline for {type(task).__name__}")


@_answers.register
def _(task: Classification, train_targets: list, texts: Sequence[str]) -> Mapping[str, Rows]:
    majority = np.bincount(train_targets).argmax()
    return {"majority": _one_hot(np.full(len(texts), majority), len(task.labels))}


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


def _one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[classes]
