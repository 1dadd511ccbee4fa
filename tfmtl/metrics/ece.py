"""The expected calibration error of the most probable class."""

import numpy as np

from tfmtl.core.registry import METRICS
from tfmtl.metrics.calibration import Reliability, calibration_errors
from tfmtl.metrics.metric import Metric, counts_of_samples, predicted_classes


@METRICS.register("ece")
class ExpectedCalibrationError(Metric):
    """The mean gap between the probability of a row's class and how often such classes are right; 0 is perfect.

    Rows are put into 15 bins of equal width by the probability of their most probable class. The gap of a bin is the
    difference between the mean of these probabilities and the share of right classes; bins count by their rows (Guo et
    al. 2017, eq. 3).
    """

    measures = "class probabilities"
    higher_is_better = False

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        return Reliability.of(*top_class(targets, predictions)).error

    def of_samples(self, targets: np.ndarray, predictions: np.ndarray, samples: np.ndarray) -> np.ndarray:
        return calibration_errors(*top_class(targets, predictions), counts_of_samples(samples, len(targets)))


def top_class(targets: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the probability of the most probable class, float64 `[rows]`, and whether it is the true one.

    Args:
        targets: the true classes, int `[rows]`.
        probabilities: the probabilities, `[rows, classes]`.
    """
    return np.max(probabilities, axis=1).astype(np.float64), predicted_classes(probabilities) == targets
