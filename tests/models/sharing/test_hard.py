import numpy as np

from tfmtl.registry import SHARING


def test_every_task_reads_the_same_states():
    entry = SHARING.get("hard")
    scheme, states = entry.build(entry.options()), np.ones([2, 3, 4])
    assert scheme.states_for("a", states) is scheme.states_for("b", states) is states
