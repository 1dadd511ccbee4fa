"""A task of this kind with made-up targets and an answer."""

import numpy as np

from tests.kinds.made_up import objects
from tfmtl.kinds.translation.options import Translation

TASK = Translation(name="german", source="s", target="de")
TARGETS = objects([("ein Hund",), ("*zwei* Katzen", "zwei\nKatzen"), ("три",)])
ANSWER = {"translation": np.array(["ein Hund", "", "три \U0001f600"], object)}
