import numpy as np
import tensorflow as tf
from scipy.special import softmax

from tfmtl.models.layers.logit_average import LogitAverage

GENERATOR = np.random.default_rng(0)
LOGITS, SCORES = (GENERATOR.normal(size=[5, 3]).astype(np.float32) for _ in range(2))


def test_a_class_is_as_probable_as_the_geometric_mean_of_both_says():
    means = np.sqrt(softmax(LOGITS, axis=1) * softmax(SCORES, axis=1))
    pooled = tf.nn.softmax(LogitAverage()(LOGITS, SCORES))
    np.testing.assert_allclose(pooled, means / means.sum(axis=1, keepdims=True), atol=1e-6)


def test_of_one_opinion_twice_it_is_as_sure_as_of_it_once():
    np.testing.assert_allclose(LogitAverage()(LOGITS, LOGITS), LOGITS)
