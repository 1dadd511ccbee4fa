"""F1 of the positive class."""

import numpy as np
from sklearn.metrics import f1_score

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import METRICS
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.task import Task
from tfmtl.metrics.metric import CountMetric, f1_per_class, predicted_classes


@METRICS.register("f1")
class F1(CountMetric):
    """F1 of the second of two labels, as in GLUE for MRPC and QQP; 0 if that label is neither true nor predicted."""

    def objection(self, task: Task) -> str | None:
        labels = kind_of(task).label_set(task)
        return _objection(len(labels)) if labels else None

    def __call__(self, targets: np.ndarray, predictions: np.ndarray) -> float:
        objection = _objection(predictions.shape[1])
        if objection:
            raise ConfigurationError(f"'f1' {objection}")
        return float(f1_score(targets, predicted_classes(predictions), pos_label=1, zero_division=0.0))

    def of_counts(self, counts: np.ndarray) -> np.ndarray:
        return np.nan_to_num(f1_per_class(counts)[..., 1])


def _objection(classes: int) -> str | None:
    return None if classes == 2 else f"needs two labels, found {classes}; 'f1_macro' takes any number"
