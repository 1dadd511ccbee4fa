"""A task of this kind with made-up targets and an answer."""

import numpy as np

from tfmtl.kinds.classification.options import Classification

TASK = Classification(name="subject", source="s", labels=("math", "physics"))
TARGETS = np.int32([0, 1, 1])
ANSWER = {
    "label": np.array(["math", "math", "physics"], object),
    "probabilities": np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], np.float32),
}
