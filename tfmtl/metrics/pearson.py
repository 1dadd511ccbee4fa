"""Pearson's correlation coefficient."""

import numpy as np
from scipy.stats import pearsonr

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import Metric, is_constant


@METRICS.register("pearson")
class Pearson(Metric):
    """Pearson's correlation of true and predicted numbers; 0 if either is constant.

    It lies between -1 and 1.
    """

    measures = "numbers"

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        if is_constant(targets) or is_constant(predictions):
            return 0.0
        # In float32 the squares of small deviations would underflow, which leads to a division by zero.
        return float(pearsonr(targets.astype(np.float64), predictions.astype(np.float64)).statistic)
