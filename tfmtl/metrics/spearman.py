"""Spearman's rank correlation coefficient."""

import numpy as np
from scipy.stats import spearmanr

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import Metric, is_constant


@METRICS.register("spearman")
class Spearman(Metric):
    """Spearman's correlation, which is Pearson's correlation of ranks; 0 if either side is constant.

    It lies between -1 and 1.
    """

    measures = "numbers"

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        if is_constant(targets) or is_constant(predictions):
            return 0.0
        return float(spearmanr(targets, predictions).statistic)
