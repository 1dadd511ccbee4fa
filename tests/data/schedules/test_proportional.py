import numpy as np

from tfmtl.core.registry import SCHEDULES


def test_the_share_is_that_of_the_rows_in_every_epoch():
    entry = SCHEDULES.get("proportional")
    for epoch in range(3):
        np.testing.assert_allclose(entry.build(np.array([1, 3, 4]), epoch, 3, entry.options()), [0.125, 0.375, 0.5])
