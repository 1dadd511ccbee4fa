"""The means of classes as prototypes, and distances from them as scores."""

import numpy as np
from pydantic import PositiveFloat

from tfmtl.adaptation.solved import Candidate, Problem, Solution, SolvedMethod, SolvedOptions
from tfmtl.core.registry import ADAPTATION
from tfmtl.models.layers.solved_head import PrototypeScores


class PrototypesOptions(SolvedOptions):
    """Options of prototypes.

    Attributes:
        scale: the factor of squared distances where a label has a single row, so that it cannot be calibrated; it only
            changes how certain answers are.
    """

    scale: PositiveFloat = 8.0


@ADAPTATION.register("prototypes", options=PrototypesOptions)
class Prototypes(SolvedMethod):
    """The mean vector of each label; a text has the label whose mean is nearest (Snell et al. 2017)."""

    options: PrototypesOptions

    def candidates(self, names: bool) -> list[Candidate]:
        return [
            lambda problem, weight=weight: nearest_mean(problem.with_names(weight), self.options.scale)
            for weight in self.options.name_weights(names)
        ]


def nearest_mean(problem: Problem, scale: float) -> Solution:
    """Returns the means of classes, weighted by their rows' weights, and distances from them.

    Args:
        problem: the problem.
        scale: the factor of squared distances.
    """
    shares = np.eye(problem.classes)[problem.targets] * problem.weights[:, None]
    return _nearest((shares / np.maximum(shares.sum(axis=0), 1e-9)).T @ problem.features, scale)


def _nearest(means: np.ndarray, scale: float) -> Solution:
    def scores(features: np.ndarray) -> np.ndarray:
        return -scale * np.square(features[:, None, :] - means[None]).sum(axis=-1)

    return Solution(
        lambda name: PrototypeScores(len(means), name=name, dtype="float32"),
        [means.astype(np.float32), np.float32(scale)],
        scores,
        lambda factor: _nearest(means, factor * scale),
        {"method": "prototypes", "scale": scale},
    )
