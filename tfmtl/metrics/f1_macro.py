"""F1 averaged over classes."""

import numpy as np
from sklearn.metrics import f1_score

from tfmtl.core.registry import METRICS
from tfmtl.metrics.metric import CountMetric, f1_per_class, predicted_classes


@METRICS.register("f1_macro")
class MacroF1(CountMetric):
    """The unweighted mean of the F1 of each class that is true or predicted in some row."""

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        return float(f1_score(targets, predicted_classes(predictions), average="macro", zero_division=0.0))

    def of_counts(self, counts: np.ndarray) -> np.ndarray:
        return np.nanmean(f1_per_class(counts), axis=-1)
