"""A task with targets, texts and an answer, three rows of each."""

import numpy as np

from tests.kinds.made_up import objects
from tfmtl.kinds.tagging.options import Tagging

TASK = Tagging(name="slots", source="utterances", label_set=("B-city", "I-city", "O"))
TEXTS = ["from  New York", "to\tRome", ""]
TARGETS = objects([("O", "B-city", "I-city"), ("O", "B-city"), ("O",)])
ANSWER = {"tags": np.array([["O", "B-city", "I-city"], ["I-city", "O", ""], ["", "", ""]], object)}
