"""Linear models of words and word pairs from scikit-learn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from tfmtl.data.streams import Examples
from tfmtl.models.layers.linear_experts import augmented


def fitted_predictions(
    models: Mapping[str, Any], train: Examples, targets: np.ndarray, asked: Examples
) -> dict[str, np.ndarray]:
    """Returns the predictions of models that learn from the TF-IDF weights of words and word pairs.

    Args:
        models: unfitted models of scikit-learn, by name.
        train: the texts of the training split; the two texts of a pair are joined.
        targets: the targets of its rows, `[rows]`.
        asked: the texts to predict.
    """
    features, asked_features = features_of(train, asked)
    return {name: model.fit(features, targets).predict(asked_features) for name, model in models.items()}


def features_of(train: Examples, asked: Examples) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Returns the TF-IDF weights of words and word pairs, `[rows, features]`, of both; fitted to the first."""
    vectorizer = _vectorizer()
    return vectorizer.fit_transform(joined(train)), vectorizer.transform(joined(asked))


def pooled_predictions(
    model: Any, tasks: Mapping[str, tuple[Examples, np.ndarray, Examples]]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the predictions of a model that learns from the rows of several tasks.

    Args:
        model: a model of scikit-learn, which is fitted anew for each way of pooling.
        tasks: the training texts, their targets `[rows]` and the texts to predict, by task.

    Returns:
        The predictions by task, under `linear_svm_pooled`, which treats all rows as if they were of one task, and under
        `linear_svm_augmented`, which sees each feature twice, once for all tasks and once for the row's own (Daumé III
        2007, eq. 1).
    """
    vectorizer = _vectorizer()
    texts = {name: (joined(train), joined(asked)) for name, (train, _, asked) in tasks.items()}
    vectorizer.fit([text for known, _ in texts.values() for text in known])
    train = [vectorizer.transform(known) for known, _ in texts.values()]
    asked = [vectorizer.transform(of_task) for _, of_task in texts.values()]
    targets = np.concatenate([of_task for _, of_task, _ in tasks.values()])
    found = {}
    for name, features_of in {"linear_svm_pooled": _stacked, "linear_svm_augmented": augmented}.items():
        model.fit(features_of(train), targets)
        parts = np.split(model.predict(features_of(asked)), np.cumsum([part.shape[0] for part in asked])[:-1])
        found[name] = dict(zip(tasks, parts, strict=True))
    return found


def cosines(train: Examples, asked: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Returns, for both arguments, the cosines of the TF-IDF weights of the two texts of pairs, `[rows, 1]`."""
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit([*train.text, *train.text_pair])

    def of_pairs(pairs: Examples) -> np.ndarray:
        # The weights of each text have a length of one.
        first, second = vectorizer.transform(pairs.text), vectorizer.transform(pairs.text_pair)
        return np.asarray(first.multiply(second).sum(axis=1)).reshape(-1, 1)

    return of_pairs(train), of_pairs(asked)


def joined(examples: Examples) -> list[str]:
    """Returns the texts, joined if they are pairs, with single spaces for white space."""
    pairs = [[text] for text in examples.text]
    if examples.text_pair is not None:
        pairs = zip(examples.text, examples.text_pair, strict=True)
    return [" ".join(" ".join(pair).split()) for pair in pairs]


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def _stacked(parts: Sequence[sparse.csr_matrix]) -> sparse.csr_matrix:
    return sparse.vstack(parts, format="csr")
