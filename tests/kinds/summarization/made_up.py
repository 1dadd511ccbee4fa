"""A task of this kind with made-up targets and an answer."""

import numpy as np

from tests.kinds.made_up import objects
from tfmtl.kinds.summarization.options import Summarization

TASK = Summarization(name="title", source="s")
TARGETS = objects([("ref one",), ("ref *two*", "other"), ("three",)])
ANSWER = {"summary": np.array(["one", "", "drei \U0001f600"], object)}
