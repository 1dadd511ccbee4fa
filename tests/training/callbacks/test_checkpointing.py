import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.balancing import get
from tfmtl.kinds.regression.loss import RegressionLoss
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.training.callbacks.checkpointing import Checkpointing
from tfmtl.training.progress import Progress
from tfmtl.training.update import Update


class Training:
    """A training of scores that are zero at first: a row's squared error is that of its target.

    Attributes:
        progress: of epochs of six updates.
        fit: `fit(targets)` makes an update of each target, as one epoch or the rest of one; returns its mean loss.
    """

    def __init__(self, folder=None, every=100, learning_rate=0.0):
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        embedded = keras.layers.Embedding(3, 1, embeddings_initializer="zeros", name="pieces")(tokens)
        score = keras.layers.Lambda(lambda values: keras.ops.sum(values, axis=(1, 2)), name="stars")(embedded)
        self.model = MultiTaskModel(inputs={"tokens": tokens}, outputs={"stars": score})
        terms = {"stars": RegressionLoss()}
        self.update = Update(terms, get("rlw"), 0.0)
        self.update.balancing.build(len(terms))
        optimizer = keras.optimizers.Adam(learning_rate)
        optimizer.build(self.model.trainable_variables)
        self.model.compile(optimizer, update=self.update, jit_compile=False)
        self.progress = Progress(updates_per_epoch=6)
        self.checkpoints = None if folder is None else Checkpoints(folder, keep=100)
        self.callback = Checkpointing(self.checkpoints, self.progress, self.update, every)

    def fit(self, targets):
        rows = {"tokens": np.ones([len(targets), 1], np.int32)}, {"stars": np.float32(targets)}
        batches = tf.data.Dataset.from_tensor_slices(rows).batch(1)
        return self.model.fit(batches, callbacks=[self.callback], shuffle=False, verbose=0).history["stars_loss"][0]

    def go_on(self, checkpoint):
        self.callback.set_model(self.model)
        self.callback.resume(checkpoint)
        self.progress.update = checkpoint.state["update"]

    def variables(self):
        tracked = self.update.means.variables
        kept = [*self.model.variables, *self.model.optimizer.variables, *self.update.variables, *tracked]
        return {variable.path: np.array(variable) for variable in kept}


def saved(folder):
    return sorted(int(path.stem.removeprefix("update-")) for path in folder.glob("*.npz"))


def test_checkpoints_are_every_so_many_updates_and_at_each_epoch_s_end(tmp_path):
    training = Training(tmp_path, every=4)
    for _ in range(2):
        training.fit([2.0] * 6)
    # Updates 4, 8 and 12 are multiples of 4, of which 12 ends an epoch, as 6 does.
    assert saved(tmp_path) == [4, 6, 8, 12]
    assert training.progress.update == 12
    state = training.checkpoints.latest().state
    assert Progress(**state) == training.progress == Progress(update=12, updates_per_epoch=6)


def test_a_process_that_does_not_write_counts_its_updates(tmp_path):
    training = Training(None, every=1)
    training.fit([2.0] * 5)
    assert training.progress.update == 5
    assert not list(tmp_path.iterdir())


def test_every_variable_of_a_training_comes_back(tmp_path):
    training = Training(tmp_path, learning_rate=0.5)
    training.update.active.assign([0.25])
    training.fit([2.0, 3.0])
    before = training.variables()
    # An update of Adam is about as long as its learning rate where the gradients are alike.
    assert before["pieces/embeddings"][1] == pytest.approx(2 * 0.5, rel=1e-3)
    other = Training(learning_rate=0.5)
    other.go_on(training.checkpoints.latest())
    after = other.variables()
    assert len(after) == len(before) == 10
    for (name, value), expected in zip(after.items(), before.values(), strict=True):
        np.testing.assert_array_equal(value, expected, err_msg=name)
    assert after["task_weights"].tolist() == [0.25]
    assert int(other.model.optimizer.iterations) == 2


def test_the_running_means_of_a_begun_epoch_go_on_and_those_of_the_next_begin_anew(tmp_path):
    training = Training(tmp_path, every=3)
    assert training.fit([2.0, 2.0, 2.0]) == pytest.approx(4.0)
    rest = Training()
    rest.go_on(training.checkpoints.latest())
    assert rest.fit([4.0, 4.0, 4.0]) == pytest.approx((3 * 4 + 3 * 16) / 6)
    assert rest.fit([4.0] * 6) == pytest.approx(16.0)
    assert rest.progress.update == 12


def test_an_epoch_after_a_finished_one_begins_with_no_running_mean(tmp_path):
    training = Training(tmp_path)
    training.fit([2.0] * 6)
    following = Training()
    following.go_on(training.checkpoints.latest())
    assert following.fit([4.0] * 6) == pytest.approx(16.0)
