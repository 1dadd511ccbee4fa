"""Linear models of words and word pairs: what a sceptic would try first, by scikit-learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC, LinearSVR

from tfmtl.data.streams import Examples
from tfmtl.data.targets import has_target
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.task import Task
from tfmtl.models.layers.linear_experts import augmented


@dataclass(frozen=True)
class LabelledTexts:
    """What a linear model learns from, and what it is asked.

    Attributes:
        train_texts: `[train rows]`.
        train_targets: `[train rows]`; of classification the classes, int.
        texts: of the split that is scored, `[rows]`.
    """

    train_texts: Sequence[str]
    train_targets: np.ndarray
    texts: Sequence[str]


def labelled_texts(task: Task, train: Examples, asked: Examples) -> LabelledTexts:
    """Returns what a linear model learns a task from: the rows of train with a target, of a pair both texts joined."""
    train = train.take(has_target(train.targets[task.name]))
    return LabelledTexts(joined(train), train.targets[task.name], joined(asked))


@singledispatch
def linear_answers(task: Task, texts: LabelledTexts) -> dict[str, np.ndarray]:
    """Returns what linear models answer that are trained on one task alone.

    Classification has `naive_bayes` and `linear_svm`, regression `linear_svm`. Other tasks have nothing, nor has one
    with a single class in train, of which a support vector machine can learn nothing.

    Args:
        task: with its labels.
        texts: which it learns from and is asked.

    Returns:
        By the model's name, one where it predicts a class and zero elsewhere, float32 `[rows, classes]`; or numbers,
        float64 `[rows]`.
    """
    return {}


@linear_answers.register
def _(task: Classification, texts: LabelledTexts) -> dict[str, np.ndarray]:
    if len(np.unique(texts.train_targets)) < 2:
        return {}
    models = {"naive_bayes": MultinomialNB(alpha=0.1), "linear_svm": LinearSVC(random_state=0)}
    return {name: one_hot(found, len(task.labels)) for name, found in _predicted(models, texts).items()}


@linear_answers.register
def _(task: Regression, texts: LabelledTexts) -> dict[str, np.ndarray]:
    return _predicted({"linear_svm": LinearSVR(random_state=0)}, texts)


def _predicted(models: Mapping[str, Any], texts: LabelledTexts) -> dict[str, np.ndarray]:
    vectorizer = _vectorizer()
    features = vectorizer.fit_transform(texts.train_texts)
    asked = vectorizer.transform(texts.texts)
    return {name: model.fit(features, texts.train_targets).predict(asked) for name, model in models.items()}


def pooled_answers(domains: Mapping[str, LabelledTexts], classes: int) -> dict[str, dict[str, np.ndarray]]:
    """Returns what linear models answer that learn from several tasks with the same classes.

    `linear_svm_pooled` learns from the rows of all, as if they were of one task. `linear_svm_augmented` sees each
    feature twice, once for all tasks and once for the row's own (Daumé III 2007, "Frustratingly easy domain
    adaptation", eq. 1).

    Args:
        domains: the texts of each task.
        classes: how many there are.

    Returns:
        By the model's name and the task's, one where it predicts a class, float32 `[rows, classes]`.
    """
    vectorizer = _vectorizer()
    vectorizer.fit([text for domain in domains.values() for text in domain.train_texts])
    train = [vectorizer.transform(domain.train_texts) for domain in domains.values()]
    asked = [vectorizer.transform(domain.texts) for domain in domains.values()]
    targets = np.concatenate([domain.train_targets for domain in domains.values()])
    answers = {}
    for name, features_of in {"linear_svm_pooled": _stacked, "linear_svm_augmented": augmented}.items():
        model = LinearSVC(random_state=0).fit(features_of(train), targets)
        predicted = np.split(model.predict(features_of(asked)), np.cumsum([part.shape[0] for part in asked])[:-1])
        answers[name] = {domain: one_hot(part, classes) for domain, part in zip(domains, predicted, strict=True)}
    return answers


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def _stacked(parts: Sequence[sparse.csr_matrix]) -> sparse.csr_matrix:
    return sparse.vstack(parts, format="csr")


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """Returns float32 `[rows, count]` with a one at each row's class."""
    return np.eye(count, dtype=np.float32)[classes]


def joined(examples: Examples) -> list[str]:
    """Returns the texts, of a pair both, with single spaces for white space."""
    pairs = [[text] for text in examples.text]
    if examples.text_pair is not None:
        pairs = zip(examples.text, examples.text_pair, strict=True)
    return [" ".join(" ".join(pair).split()) for pair in pairs]
