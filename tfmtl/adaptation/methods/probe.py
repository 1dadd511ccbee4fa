"""Logistic regression on the vectors of texts, with as much regularisation as cross-validation asks for."""

import warnings

import numpy as np
from pydantic import Field, PositiveFloat
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from tfmtl.adaptation.solved import Candidate, Problem, Solution, SolvedMethod, SolvedOptions
from tfmtl.core.registry import ADAPTATION
from tfmtl.models.layers.solved_head import LinearScores

_NEVER = -1e4
"""The score of a class without a row that counts: finite, so that it is nowhere NaN."""


class ProbeOptions(SolvedOptions):
    """Options of the linear probe.

    Attributes:
        inverse_regularization: the values of scikit-learn's `C` to choose from, the first one where a label has a
            single row, so that none can be chosen; larger ones fit the rows more closely.
    """

    inverse_regularization: tuple[PositiveFloat, ...] = Field((1.0, 0.1, 10.0, 100.0), min_length=1)


@ADAPTATION.register("probe", options=ProbeOptions)
class Probe(SolvedMethod):
    """Logistic regression on frozen states, solved by scikit-learn; cross-validation chooses its regularisation."""

    options: ProbeOptions

    def candidates(self, names: bool) -> list[Candidate]:
        return [
            lambda problem, value=value, weight=weight: regression(problem.with_names(weight), value)
            for value in self.options.inverse_regularization
            for weight in self.options.name_weights(names)
        ]


def regression(problem: Problem, inverse_regularization: float) -> Solution:
    """Returns the multinomial logistic regression of a problem.

    It minimises `sum of -w log softmax(W x + b) + |W|^2 / (2 C)`; the bias is not regularised.

    Args:
        problem: the problem.
        inverse_regularization: scikit-learn's `C`.
    """
    model = LogisticRegression(C=inverse_regularization, max_iter=2000)
    counted = problem.weights > 0
    # With more threads, so small a problem takes many times as long as with one on a machine that has other work.
    with threadpool_limits(1), warnings.catch_warnings():
        # What is left to gain after so many iterations is smaller than what another draw of rows changes.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(problem.features[counted], problem.targets[counted], problem.weights[counted])
    kernel, bias = _of_all_classes(model, problem.classes)
    return _linear(kernel, bias, {"method": "probe", "inverse_regularization": inverse_regularization})


def _linear(kernel: np.ndarray, bias: np.ndarray, report: dict) -> Solution:
    return Solution(
        lambda name: LinearScores(kernel.shape[1], name=name, dtype="float32"),
        [kernel.astype(np.float32), bias.astype(np.float32)],
        lambda features: features @ kernel + bias,
        lambda factor: _linear(factor * kernel, factor * bias, report),
        report,
    )


def _of_all_classes(model: LogisticRegression, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the kernel `[width, classes]` and the bias `[classes]`, also for two classes, which share one row."""
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercepts = (np.concatenate([-part / 2, part / 2]) for part in (coefficients, intercepts))
    kernel, bias = np.zeros([coefficients.shape[1], classes]), np.full(classes, _NEVER)
    kernel[:, model.classes_], bias[model.classes_] = coefficients.T, intercepts
    return kernel, bias
