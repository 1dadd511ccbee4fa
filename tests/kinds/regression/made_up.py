"""A task of this kind with made-up targets and an answer."""

import numpy as np

from tfmtl.kinds.regression.options import Regression

TASK = Regression(name="stars", source="s")
TARGETS = np.float32([1.0, 0.1, -3.0])
ANSWER = {"score": np.float32([1.5, 9.25, 0.1])}
