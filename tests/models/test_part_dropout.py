import numpy as np
import pytest

from tfmtl.models.part_dropout import PartDropout

ROWS = 4000
STATES = np.full([ROWS, 3, 2], 1.0, np.float32)
NGRAMS = np.full([ROWS, 4], 100.0, np.float32)


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_a_share_of_rows_loses_one_part_and_none_loses_both(rate):
    states, ngrams = (np.array(part) for part in PartDropout(rate)(STATES, NGRAMS, training=True))
    assert (states == states[:, :1, :1]).all() and (ngrams == ngrams[:, :1]).all()
    # What is seen is scaled, so that its mean stays the same.
    seen = np.round((states[:, 0, 0] + ngrams[:, 0]) * (1 - rate / 2), 3)
    shares = {value: np.mean(seen == value) for value in (0.0, 1.0, 100.0, 101.0)}
    expected = {0.0: 0.0, 1.0: rate / 2, 100.0: rate / 2, 101.0: 1 - rate}
    assert shares == pytest.approx(expected, abs=4 * 0.5 / ROWS**0.5)


def test_when_serving_both_parts_are_seen():
    states, ngrams = PartDropout(1.0)(STATES, NGRAMS, training=False)
    assert (np.array(states) == STATES).all() and (np.array(ngrams) == NGRAMS).all()
