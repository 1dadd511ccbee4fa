"""Baselines of a multi-label task without a network: the majority, and a linear model of words for each label."""

import numpy as np
from sklearn.svm import LinearSVC

from tfmtl.data.streams import Examples
from tfmtl.kinds.kind import Answer
from tfmtl.kinds.multi_label.options import MultiLabel
from tfmtl.reports.linear_baselines import features_of


def baselines(task: MultiLabel, train: Examples, asked: Examples) -> dict[str, Answer]:
    """Returns the answers of `majority` and `linear_svm`.

    `majority` gives every text the labels that more than half of the training rows have; their shares are the
    probabilities. `linear_svm` consists of one support vector machine per label, against all other labels; the logistic
    function of its margin serves as the probability.
    """
    targets = train.targets[task.name]
    shares = np.broadcast_to(targets.mean(axis=0), (len(asked), targets.shape[1]))
    known, asked_features = features_of(train, asked)
    margins = np.stack([_margins(known, target, asked_features) for target in targets.T], axis=1)
    probabilities = {"majority": shares, "linear_svm": 1.0 / (1.0 + np.exp(-margins))}
    return {
        name: {"probabilities": values.astype(np.float32), "selected": values > 0.5}
        for name, values in probabilities.items()
    }


def _margins(known, targets: np.ndarray, asked) -> np.ndarray:
    """Returns the margin of one label for each row in `asked`; 1 or -1 if all training rows have or lack the label."""
    if len(np.unique(targets)) < 2:
        return np.full(asked.shape[0], 2.0 * targets[0] - 1.0)
    return LinearSVC(random_state=0).fit(known, targets).decision_function(asked)
