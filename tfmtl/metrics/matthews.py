"""Matthews' correlation coefficient."""

import numpy as np
from sklearn.metrics import matthews_corrcoef

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import CountMetric, is_constant, predicted_classes


@METRICS.register("matthews")
class Matthews(CountMetric):
    """Matthews' correlation of true and predicted classes (Gorodkin 2004 for more than two); 0 if either is constant.

    It lies between -1 and 1.
    """

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        predicted = predicted_classes(predictions)
        if is_constant(targets) or is_constant(predicted):
            return 0.0
        return float(matthews_corrcoef(targets, predicted))

    def of_counts(self, counts: np.ndarray) -> np.ndarray:
        true = counts.sum(axis=-1).astype(np.float64)
        predicted = counts.sum(axis=-2).astype(np.float64)
        rows = true.sum(axis=-1)
        covariance = rows * np.trace(counts, axis1=-2, axis2=-1) - (true * predicted).sum(axis=-1)
        spread = np.sqrt((rows**2 - (true**2).sum(axis=-1)) * (rows**2 - (predicted**2).sum(axis=-1)))
        return np.divide(covariance, spread, out=np.zeros_like(spread), where=spread > 0)
