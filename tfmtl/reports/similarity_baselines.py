"""How many words the two texts of a pair share: what answers many questions of pairs without reading them."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression

from tfmtl.data.streams import Examples
from tfmtl.data.targets import has_target
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.task import Task
from tfmtl.reports.linear_baselines import one_hot


def similarity_answers(task: Task, train: Examples, asked: Examples) -> dict[str, np.ndarray]:
    """Returns what a logistic or linear regression answers that knows of a pair its cosine alone.

    The cosine is of the TF-IDF weights of both texts' words.

    Args:
        task: with its labels.
        train: of which it learns the rows with a target.
        asked: the split that is scored.

    Returns:
        Under `cosine`, one where it predicts a class and zero elsewhere, float32 `[rows, classes]`, or numbers, float64
        `[rows]`; nothing where the task is of single texts, or neither classification nor regression, or has one class
        in train.
    """
    if train.text_pair is None or not isinstance(task, Classification | Regression):
        return {}
    train = train.take(has_target(train.targets[task.name]))
    if isinstance(task, Classification) and len(np.unique(train.targets[task.name])) < 2:
        return {}
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit([*train.text, *train.text_pair])
    known, cosines = (_cosines(vectorizer, pairs) for pairs in (train, asked))
    targets = train.targets[task.name]
    if isinstance(task, Regression):
        return {"cosine": LinearRegression().fit(known, targets).predict(cosines)}
    return {"cosine": one_hot(LogisticRegression().fit(known, targets).predict(cosines), len(task.labels))}


def _cosines(vectorizer: TfidfVectorizer, pairs: Examples) -> np.ndarray:
    """Returns one column, `[rows, 1]`; the weights of each text have a length of one."""
    first, second = vectorizer.transform(pairs.text), vectorizer.transform(pairs.text_pair)
    return np.asarray(first.multiply(second).sum(axis=1)).reshape(-1, 1)
