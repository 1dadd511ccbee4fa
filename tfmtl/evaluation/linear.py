"""Linear models of words and word pairs: what a sceptic would try first, by scikit-learn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from tfmtl.models.linear_experts import augmented


@dataclass(frozen=True)
class LabelledTexts:
    """What a linear model learns from, and what it is asked.

    Attributes:
        train_texts: `[train rows]`.
        train_classes: int `[train rows]`.
        texts: of the split that is scored, `[rows]`.
    """

    train_texts: Sequence[str]
    train_classes: np.ndarray
    texts: Sequence[str]


def linear_answers(task: LabelledTexts, classes: int) -> dict[str, np.ndarray]:
    """Returns what `naive_bayes` and `linear_svm` answer, trained on the task alone.

    Args:
        task: its texts.
        classes: how many there are.

    Returns:
        By the model's name, one where it predicts a class and zero elsewhere, float32 `[rows, classes]`.
    """
    vectorizer = _vectorizer()
    features = vectorizer.fit_transform(task.train_texts)
    asked = vectorizer.transform(task.texts)
    models = {"naive_bayes": MultinomialNB(alpha=0.1), "linear_svm": LinearSVC()}
    return {
        name: one_hot(model.fit(features, task.train_classes).predict(asked), classes) for name, model in models.items()
    }


def pooled_answers(domains: Mapping[str, LabelledTexts], classes: int) -> dict[str, dict[str, np.ndarray]]:
    """Returns what linear models answer that learn from several tasks with the same classes.

    `linear_svm_pooled` learns from the rows of all, as if they were of one task. `linear_svm_augmented` sees each
    feature twice, once for all tasks and once for the row's own (Daumé III 2007, "Frustratingly easy domain
    adaptation", eq. 1).

    Args:
        domains: the texts of each task.
        classes: how many there are.

    Returns:
        By the model's name and the task's, as `linear_answers` does.
    """
    vectorizer = _vectorizer()
    vectorizer.fit([text for domain in domains.values() for text in domain.train_texts])
    train = [vectorizer.transform(domain.train_texts) for domain in domains.values()]
    asked = [vectorizer.transform(domain.texts) for domain in domains.values()]
    targets = np.concatenate([domain.train_classes for domain in domains.values()])
    answers = {}
    for name, features_of in {"linear_svm_pooled": _stacked, "linear_svm_augmented": augmented}.items():
        model = LinearSVC().fit(features_of(train), targets)
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
