"""The share of rows whose class is predicted correctly."""

import numpy as np

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import MeanMetric, predicted_classes


@METRICS.register("accuracy")
class Accuracy(MeanMetric):
    """The share of rows whose most probable class is the true one."""

    measures = "class probabilities"

    def per_example(self, targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        return (predicted_classes(predictions) == targets).astype(np.float64)
