import numpy as np

from tfmtl.core.registry import SCHEDULES


def test_every_stream_has_the_same_share():
    entry = SCHEDULES.get("uniform")
    np.testing.assert_array_equal(entry.build(np.array([1, 10, 1000, 5]), 3, 9, entry.options()), [0.25] * 4)
