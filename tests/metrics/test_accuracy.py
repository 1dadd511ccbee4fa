import numpy as np

from tfmtl.metrics.accuracy import Accuracy

TARGETS = np.array([0, 1, 2, 2])
PROBABILITIES = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7], [0.2, 0.2, 0.6]], np.float32)


def test_scores_each_row_and_their_mean():
    np.testing.assert_array_equal(Accuracy().per_example(TARGETS, PROBABILITIES), [1.0, 0.0, 1.0, 1.0])
    assert Accuracy()(TARGETS, PROBABILITIES) == 0.75
