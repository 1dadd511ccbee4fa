import keras
import numpy as np
import tensorflow as tf

from tfmtl.data.special_tokens import END_ID, PAD_ID, START_ID
from tfmtl.kinds.question_answering.head import SpanHead
from tfmtl.kinds.question_answering.loss import SpanLoss
from tfmtl.models.layers.pooling import MeanPooling

TOKENS = np.int32([[START_ID, 5, END_ID, 6, 7, END_ID, PAD_ID], [START_ID, END_ID, END_ID, *[PAD_ID] * 4]])
STATES = np.random.default_rng(0).normal(size=(2, 7, 4)).astype(np.float32)


def made():
    return SpanHead(keras.saving.get_registered_name(MeanPooling), name="reply")


def test_only_the_context_and_no_answer_have_a_chance():
    chances = tf.nn.softmax(made()(STATES, TOKENS), axis=1).numpy()
    assert chances.shape == (2, 7, 2)
    possible = np.zeros((2, 7), bool)
    possible[0, [0, 3, 4]] = possible[1, 0] = True
    assert (chances[possible] > 0).all() and not chances[~possible].any()


def test_tokens_and_no_answer_have_scores_of_their_own():
    head = made()
    scores = head(STATES, TOKENS).numpy()
    kernel, bias, none, none_bias = [weight.numpy() for weight in head.trainable_weights]
    np.testing.assert_allclose(scores[0, 3:5], STATES[0, 3:5] @ kernel + bias, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scores[0, 0], STATES[0, :6].mean(axis=0) @ none + none_bias, rtol=1e-5, atol=1e-6)


def test_it_is_made_again_from_its_configuration():
    again = SpanHead.from_config(made().get_config())
    assert again.name == "reply" and again(STATES, TOKENS).shape == (2, 7, 2)


def test_a_file_from_before_there_was_a_threshold_leaves_it_at_zero():
    head, again = made(), made()
    for each in (head, again):
        each(STATES, TOKENS)
    head.threshold.assign(1.5)
    store = {}
    head.save_own_variables(store)
    again.load_own_variables(store)
    assert again.threshold.numpy() == 1.5
    again.load_own_variables({})
    assert again.threshold.numpy() == 0.0


def test_the_loss_is_that_of_both_ends():
    scores = made()(STATES, TOKENS).numpy()
    likelihoods = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    targets, loss = tf.constant([[3, 4], [-1, -1]]), SpanLoss()
    assert float(loss.count(targets)) == 2.0
    expected = -likelihoods[0, 3, 0] - likelihoods[0, 4, 1]
    np.testing.assert_allclose(loss.total(targets, tf.constant(scores)), expected, rtol=1e-5)
    assert loss.has_target(targets).numpy().tolist() == [True, False]
