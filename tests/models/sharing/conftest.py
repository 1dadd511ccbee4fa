"""A tiny trunk, texts, and what a scheme makes of them."""

import random

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.registry import ENCODERS, SHARING

TASKS = ["topic", "title", "stars"]
TOKENS = np.array([[2, 7, 9, 3, 0, 0], [2, 5, 6, 8, 4, 3]], np.int32)


@pytest.fixture
def make_scheme():
    """Returns what makes a scheme on a trunk of one layer, its weights far from their initial ones."""

    def make(name: str, encoder: str = "transformer", **options):
        random.seed(5)
        width = {"hidden": 8, "layers": 1, "max_length": 16, "dropout": 0.0}
        heads = {} if encoder == "bilstm_attention" else {"heads": 2, "feedforward": 8}
        trunk = ENCODERS.get(encoder).build(**width, **heads, name="trunk")
        scheme = SHARING.get(name).build(trunk, TASKS, name="sharing", **options)
        scheme.build((None, None, 8), (None, None))
        generator = np.random.default_rng(1)
        for variable in scheme.trainable_variables:
            variable.assign(variable + 0.5 * generator.normal(size=variable.shape).astype(np.float32))
        return scheme

    return make


@pytest.fixture
def embedded():
    return tf.constant(np.random.default_rng(2).normal(size=(2, 6, 8)).astype(np.float32))
