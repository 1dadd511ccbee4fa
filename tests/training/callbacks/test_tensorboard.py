import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.training.callbacks import tensorboard
from tfmtl.training.callbacks.event_writers import EventWriters
from tfmtl.training.callbacks.tensorboard import RowsRead, TensorBoard
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update

SHARES = {"topic": np.float32([0.5, 0.25, 0.0, 1.0, 0.5, 0.75]), "stars": np.float32([0.5, 0.75, 1.0, 0.0, 0.5, 0.25])}
TOKENS = np.array([10, 20, 30, 40, 50, 60])


def functional():
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    embedded = keras.layers.Embedding(4, 2, name="pieces")(tokens)
    model = keras.Model({"tokens": tokens}, {"stars": keras.layers.GlobalAveragePooling1D(name="stars")(embedded)})
    model.compile(keras.optimizers.SGD(0.125))
    return model


@pytest.fixture
def board(tmp_path, monkeypatch):
    """The callback, its progress and its update; each look at the clock is four seconds after the one before."""
    monkeypatch.setattr(tensorboard, "time", SimpleNamespace(perf_counter=itertools.count(0.0, 4.0).__next__))
    progress = Progress(updates_per_epoch=3)
    update = Update({"topic": None, "stars": None}, get("fixed"), 0.0)
    update.weights.assign([2.0, 0.5])
    callback = TensorBoard(EventWriters.of(tmp_path), update, progress, lambda: RowsRead(TOKENS, SHARES), every=2)
    callback.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.125)))
    return callback, progress, update


def train(board, epochs):
    """Makes the updates of `epochs`, number `n` with losses `n` and `10 n`, a gradient of `n / 2` and a loss logged."""
    callback, progress, update = board
    callback.on_train_begin()
    for epoch in epochs:
        callback.on_epoch_begin(epoch)
        while progress.epoch == epoch:
            number = progress.update + 1
            update.losses.assign([number, 10.0 * number])
            update.gradient_norm.assign(number / 2)
            callback.on_train_batch_end(progress.within_epoch)
            progress.update += 1
        logs = {"loss": 0.5 * (epoch + 1), "val_loss": 0.5 * (epoch + 1) + 0.25, "val_score": np.float32(0.25)}
        callback.on_epoch_end(epoch, logs)
    callback.on_train_end()


def test_each_few_updates_are_recorded_under_their_own_number(board, tmp_path, recorded):
    train(board, range(2))
    events = recorded(tmp_path / "train")
    assert events.values("loss/topic") == [(2, 2.0), (4, 4.0), (6, 6.0)]
    # The fourth update has no row of it.
    assert events.values("loss/stars") == [(2, 20.0), (6, 60.0)]
    assert events.values("loss/total") == [(step, 2.0 * step + 0.5 * 10 * step) for step in (2, 4, 6)]
    assert events.values("weight/topic") == [(step, 2.0) for step in (2, 4, 6)]
    assert events.values("gradient_norm/total") == [(2, 1.0), (4, 2.0), (6, 3.0)]
    assert events.values("learning_rate") == [(step, 0.125) for step in (2, 4, 6)]
    assert events.values("share_of_rows/topic") == [(2, 0.25), (4, 1.0), (6, 0.75)]
    assert events.values("share_of_rows/stars") == [(2, 0.75), (4, 0.0), (6, 0.25)]


def test_conflicts_of_gradients_are_recorded_where_they_are_known(board, tmp_path, recorded):
    _, _, update = board
    update.gram = tf.Variable([[1.0, -1.0], [-1.0, 4.0]])
    train(board, range(2))
    events = recorded(tmp_path / "train")
    assert events.values("gradients/cosine/topic/stars") == [(step, -0.5) for step in (2, 4, 6)]
    assert events.values("gradients/magnitude_similarity") == [(step, pytest.approx(0.8)) for step in (2, 4, 6)]
    assert events.values("gradients/conflicting_pairs") == [(step, 1.0) for step in (2, 4, 6)]


def test_tokens_are_counted_from_the_record_before_or_the_epoch_s_begin(board, tmp_path, recorded):
    train(board, range(2))
    # Four seconds pass between two looks; validation stands between the third update and the fourth.
    expected = [(2, (10 + 20) / 4), (4, 40 / 4), (6, (50 + 60) / 4)]
    assert recorded(tmp_path / "train").values("tokens_per_second") == expected


def test_the_logs_of_an_epoch_stand_at_its_last_update(board, tmp_path, recorded):
    train(board, range(2))
    events = recorded(tmp_path / "train")
    assert events.values("epoch/loss") == [(3, 0.5), (6, 1.0)]
    # Under the same name, so that TensorBoard shows both curves in one chart.
    of_validation = recorded(tmp_path / "validation")
    assert of_validation.values("epoch/loss") == [(3, 0.75), (6, 1.25)]
    assert of_validation.values("epoch/score") == [(3, 0.25), (6, 0.25)]
    assert of_validation.tags == {"epoch/loss", "epoch/score"} and "epoch/score" not in events.tags


def test_a_training_that_goes_on_counts_from_where_it_stands(board, tmp_path, recorded):
    callback, progress, _ = board
    progress.update = 4
    callback.on_train_begin()
    train(board, [1])
    events = recorded(tmp_path / "train")
    assert events.values("tokens_per_second") == [(6, (50 + 60) / 4)]
    assert not events.events.Tags()["graph"]


@pytest.mark.parametrize("history", [[], [{"epoch": 1}]])
def test_the_graph_is_that_of_the_first_validation(board, tmp_path, recorded, history):
    callback, progress, update = board
    progress.history = history
    callback.on_test_end()
    tokens = tf.TensorSpec([None, None], tf.int32, name="tokens")
    update.test_graph = tf.function(functional(), autograph=False).get_concrete_function({"tokens": tokens}).graph
    callback.on_test_end()
    callback.on_train_end()
    events = recorded(tmp_path / "train")
    assert events.events.Tags()["graph"] is (not history)
    if not history:
        names = {node.name for node in events.events.Graph().node}
        assert "tokens" in names and any("pieces" in name for name in names)
