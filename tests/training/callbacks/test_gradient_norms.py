from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.data.tables import Slice
from tfmtl.kinds.regression.loss import RegressionLoss
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.accumulation import Accumulation
from tfmtl.training.batch_rows import BatchRows
from tfmtl.training.callbacks.gradient_norms import GradientNorms
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update

HEADS = {"stars": 1.0, "price": -3.0, "length": 2.0}
PIECES, KERNEL = np.float32([0.5, 1.0, -1.0, 0.25]), 2.0
TOKENS = np.int32([[1, 1, 2], [3, 1, 0], [2, 2, 2]])
TARGETS = {
    "stars": np.float32([3.0, 5.0, np.nan]),
    "price": np.float32([np.nan, -1.0, 2.0]),
    "length": np.float32([np.nan, np.nan, np.nan]),
}


def trunk_of_two():
    """Scores that are the sum of the pieces' embeddings times the encoder's kernel and the head's own."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    pieces = keras.layers.Embedding(4, 1, embeddings_initializer=keras.initializers.Zeros(), name="embedding")
    encoder = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="encoder")
    summed = keras.ops.sum(encoder(pieces(tokens)), axis=1)
    heads = {
        name: keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(value), name=name)
        for name, value in HEADS.items()
    }
    outputs = {name: keras.ops.squeeze(head(summed), axis=-1) for name, head in heads.items()}
    model = MultiTaskModel(inputs={"tokens": tokens}, outputs=outputs)
    pieces.embeddings.assign(PIECES[:, None])
    encoder.kernel.assign([[KERNEL]])
    trunk = [*pieces.trainable_variables, *encoder.trainable_variables]
    model.network = SimpleNamespace(trunk_variables=lambda: trunk)
    return model


def update_of(weights, parts=1):
    terms = {name: RegressionLoss() for name in HEADS}
    rows = BatchRows([Slice("tokens", tuple(HEADS), ())], terms)
    update = Update(terms, get("fixed"), 0.1, Accumulation(rows, parts))
    update.weights.assign(weights)
    return update


def gradient_by_hand(task):
    """The derivatives of the mean squared error by each piece's embedding and by the encoder's kernel."""
    rows = np.flatnonzero(np.isfinite(TARGETS[task]))
    if not len(rows):
        return np.zeros(5)
    counts = np.stack([np.bincount(TOKENS[row], minlength=4) for row in rows])
    errors = HEADS[task] * KERNEL * counts @ PIECES - TARGETS[task][rows]
    by_score = 2 * errors / len(rows) * HEADS[task]
    return np.array([*(by_score @ counts * KERNEL), by_score @ counts @ PIECES])


def norm_by_hand(task):
    return np.linalg.norm(gradient_by_hand(task))


def measure(model, update, folder):
    writer = tf.summary.create_file_writer(str(folder))
    batch = tf.nest.map_structure(tf.constant, ({"tokens": TOKENS}, TARGETS))
    callback = GradientNorms(writer, update, Progress(update=7), lambda: batch)
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    writer.flush()


@pytest.mark.parametrize("parts", [1, 3])
def test_the_norms_are_those_of_the_trunk_s_unweighted_gradients(parts, tmp_path, recorded):
    model = trunk_of_two()
    before = model.get_weights()
    measure(model, update_of([0.0, 5.0, 1.0], parts), tmp_path)
    events = recorded(tmp_path)
    cosine = gradient_by_hand("stars") @ gradient_by_hand("price") / (norm_by_hand("stars") * norm_by_hand("price"))
    assert events.values("gradients/cosine/stars/price") == [(7, pytest.approx(cosine, rel=1e-5))]
    assert [event.step for event in events.events.Tensors("gradients/cosines")] == [7]
    assert events.values("gradients/conflicting_pairs") == [(7, float(cosine < 0))]
    assert not any("length" in tag for tag in events.tags if tag.startswith("gradients/"))
    for task in ("stars", "price"):
        assert events.values(f"gradient_norm/{task}") == [(7, pytest.approx(norm_by_hand(task), rel=1e-5))]
    assert norm_by_hand("stars") != norm_by_hand("price") != norm_by_hand("length") == 0.0
    for value, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_what_the_update_knows_is_not_measured_again(tmp_path, recorded):
    update = update_of([1.0, 1.0, 1.0])
    update.gram = tf.Variable(tf.eye(3))
    measure(trunk_of_two(), update, tmp_path)
    # A task without a row in the batch has no gradient.
    assert recorded(tmp_path).tags == {"gradient_norm/stars", "gradient_norm/price", "gradients/cosines"}


def test_two_replicas_measure_the_norms_of_one(mirrored, tmp_path, recorded):
    with mirrored.scope():
        measure(trunk_of_two(), update_of([1.0, 1.0, 1.0]), tmp_path)
    for task in ("stars", "price"):
        assert recorded(tmp_path).values(f"gradient_norm/{task}") == [(7, pytest.approx(norm_by_hand(task), rel=1e-5))]
