import numpy as np
import pytest
import tensorflow as tf

from tfmtl.kinds.tagging.loss import TaggingLoss

# Two rows of four tokens and three tags; two words of the first row have a tag, one of the second.
LOGITS = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
TARGETS = np.int32([[0, 1, 0, 3], [0, 2, 0, 0]])
WORDS = [(0, 1, 0), (0, 3, 2), (1, 1, 1)]
LIKELIHOODS = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_that_of_the_first_tokens_of_words(smoothing):
    loss = TaggingLoss(smoothing)
    expected = -sum(
        (1 - smoothing) * LIKELIHOODS[row, place, tag] + smoothing * LIKELIHOODS[row, place].mean()
        for row, place, tag in WORDS
    )
    assert loss.count(TARGETS) == 3.0
    assert float(loss.total(tf.constant(TARGETS), tf.constant(LOGITS))) == pytest.approx(expected, rel=1e-5)
    assert loss.has_target(tf.constant(TARGETS)).numpy().tolist() == [True, True]
    assert loss.has_target(tf.constant(0 * TARGETS)).numpy().tolist() == [False, False]


def test_rows_may_be_longer_than_all_that_have_a_target():
    whole = TaggingLoss().total(tf.constant(TARGETS), tf.constant(LOGITS))
    longer = np.concatenate([LOGITS, np.full((2, 3, 3), 9.0, np.float32)], axis=1)
    found = TaggingLoss().total(tf.constant(TARGETS), tf.constant(longer))
    assert float(found) == pytest.approx(float(whole), rel=1e-6)


def test_a_batch_without_a_target_has_no_loss_and_no_gradient():
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = TaggingLoss().total(tf.zeros([2, 2], tf.int32), logits)
    assert loss == 0.0 and not np.any(tape.gradient(loss, logits))
