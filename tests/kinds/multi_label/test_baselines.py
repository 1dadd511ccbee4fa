import numpy as np

from tests.kinds.made_up import examples
from tests.kinds.multi_label.made_up import TASK
from tfmtl.kinds.multi_label.baselines import baselines

TEXTS = ["my parcel is late", "a late parcel", "refund the invoice", "please refund me"]
TARGETS = np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [0, 1, 1]], np.int32)


def test_the_majority_has_the_shares_of_the_labels():
    asked = examples(TASK, ["hello", "there"], TARGETS[:2])
    found = baselines(TASK, examples(TASK, TEXTS, TARGETS), asked)["majority"]
    np.testing.assert_array_equal(found["probabilities"], [[0.5, 0.5, 0.75]] * 2)
    # One half is not more than half.
    assert found["selected"].tolist() == [[False, False, True]] * 2


def test_a_linear_model_of_each_label_learns_its_words():
    asked = examples(TASK, ["another parcel", "another refund"], TARGETS[:2])
    found = baselines(TASK, examples(TASK, TEXTS, TARGETS), asked)["linear_svm"]
    assert found["selected"][:, :2].tolist() == [[True, False], [False, True]]


def test_a_label_that_every_row_has_needs_no_model():
    targets = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]], np.int32)
    found = baselines(TASK, examples(TASK, TEXTS, targets), examples(TASK, ["hello"], targets[:1]))["linear_svm"]
    # The logistic function of a margin of 1 or -1.
    np.testing.assert_allclose(found["probabilities"][0, 1:], [1 / (1 + np.e), np.e / (1 + np.e)], rtol=1e-6)
