"""Baselines of a classification task without a network: the most frequent label, and linear models of words."""

from collections.abc import Mapping

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.svm import LinearSVC

from tfmtl.data.streams import Examples
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import Answer
from tfmtl.reports.linear_baselines import cosines, fitted_predictions, pooled_predictions


def baselines(task: Classification, train: Examples, asked: Examples) -> dict[str, Answer]:
    """Returns the answers of `majority`, `naive_bayes`, `linear_svm` and, for pairs, `cosine`.

    The last three cannot learn from a training split with a single class and are then left out. `cosine` is a logistic
    regression whose only feature is the cosine of the TF-IDF weights of a pair.
    """
    targets = train.targets[task.name]
    found = {"majority": np.full(len(asked), np.bincount(targets).argmax())}
    if len(np.unique(targets)) > 1:
        models = {"naive_bayes": MultinomialNB(alpha=0.1), "linear_svm": LinearSVC(random_state=0)}
        found |= fitted_predictions(models, train, targets, asked)
        if train.text_pair is not None:
            known, asked_cosines = cosines(train, asked)
            found["cosine"] = LogisticRegression().fit(known, targets).predict(asked_cosines)
    return {name: _certain(task, classes) for name, classes in found.items()}


def pooled_baselines(
    domains: Mapping[str, tuple[Classification, Examples, Examples]],
) -> dict[str, dict[str, Answer]]:
    """Returns the answers of support vector machines that learn from the rows of several tasks.

    `linear_svm_pooled` treats the rows of all tasks as those of one task. `linear_svm_augmented` has each feature
    twice, once for all tasks and once for the task of the row (Daumé III 2007, "Frustratingly easy domain adaptation",
    eq. 1).
    """
    learned = {
        name: (task, train, asked)
        for name, (task, train, asked) in domains.items()
        if len(np.unique(train.targets[name])) > 1
    }
    if len(learned) < 2:
        return {}
    rows = {name: (train, train.targets[name], asked) for name, (_, train, asked) in learned.items()}
    return {
        system: {name: _certain(learned[name][0], classes) for name, classes in of_tasks.items()}
        for system, of_tasks in pooled_predictions(LinearSVC(random_state=0), rows).items()
    }


def _certain(task: Classification, classes: np.ndarray) -> Answer:
    """Returns the answer of a system without probabilities: one for its class and zero for the others."""
    probabilities = np.eye(len(task.labels), dtype=np.float32)[classes]
    return {"label": np.array(task.labels, object)[classes], "probabilities": probabilities}
