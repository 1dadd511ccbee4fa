"""A task with targets and an answer, two rows of each."""

import numpy as np

from tfmtl.kinds.multi_label.options import MultiLabel

TASK = MultiLabel(name="tags", source="tickets", label_set=("parcel", "refund", "urgent"))
TARGETS = np.array([[1, 0, 1], [0, 0, 0]], np.int32)
ANSWER = {
    "probabilities": np.array([[0.9, 0.25, 0.5], [0.125, 0.1, 0.3]], np.float32),
    "selected": np.array([[True, False, True], [False, False, True]]),
}
