import collections
import csv
import logging
import math
import random
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from tfmtl.core.errors import RunError
from tfmtl.models.sharing.hard import HardSharing
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training import train as train_module
from tfmtl.training.progress import Progress
from tfmtl.training.train import compile_model, make_model, train_run

SCORES = [0.25, 0.75, 0.625, 1.0]


class Scripted:
    """Gives the scores of `SCORES` from an epoch on, and keeps the weights that each of them was asked of."""

    def __init__(self, epoch=0):
        self.epoch = epoch
        self.reader = None
        self.weights = []

    def __call__(self):
        self.weights.append(self.reader.model.get_weights())
        score = SCORES[self.epoch + len(self.weights) - 1]
        return score, {"topic": {"accuracy": score}}

    def samples(self):
        return {"title": [("a text", "a reference", f"epoch {self.epoch + len(self.weights)}")]}

    def figures(self):
        axes = Figure(figsize=(1, 1))
        return {"confusion/topic": axes}

    def make(self, reader, streams, experiment):
        self.reader = reader
        self.validation = {stream.name: len(stream.splits["validation"]) for stream in streams}
        return self


class Watching(keras.callbacks.Callback):
    """Keeps the numbers of the updates as it sees them."""

    def __init__(self, training):
        super().__init__()
        self.training = training
        self.updates = []

    def on_train_batch_end(self, batch, logs=None):
        self.updates.append(self.training.progress.update)


def train(experiment, run, scorer, **options):
    """Trains a run that `scorer` measures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "make_scorer", scorer.make)
        return train_run(experiment, run, **options)


@pytest.fixture(scope="module")
def patient(make_experiment):
    """Four epochs of four updates, unless one has no better score than the one before; summaries by three beams."""
    training = {"epochs": 4, "batch_size": 7, "early_stopping": 1, "checkpoint_every": 3, "log_every": 2}
    whole = make_experiment(training=training, generation={"beams": 3, "no_repeat_ngram": 0})
    # 20 of 24 rows have a topic, 7 of 7 have stars: 4 updates of 7 rows; two heads are traced faster than a decoder.
    return whole.model_copy(update={"tasks": {name: whole.tasks[name] for name in ("topic", "stars")}})


@pytest.fixture(scope="module")
def trained(patient, tmp_path_factory):
    """The run, what measured it, and what `train_run` returned."""
    run, scorer = RunFolder(tmp_path_factory.mktemp("runs") / "tiny"), Scripted()
    return run, scorer, train(patient, run, scorer)


def scalars(folder, tag):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]


def assert_same(found, expected):
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, reference)


def test_what_is_returned_is_the_run_and_validation_is_measured_greedily_after_each_epoch(trained):
    run, scorer, returned = trained
    assert returned is run
    assert len(scorer.weights) == 3
    assert scorer.reader.generation.beams == 1
    assert scorer.validation == {"tickets": 5, "scores": 6}
    for before, after in zip(scorer.weights, scorer.weights[1:], strict=False):
        assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(before, after, strict=True))


def test_the_best_model_is_that_of_the_first_epoch_with_the_highest_score(trained):
    run, scorer, _ = trained
    assert_same(keras.models.load_model(run.best_model).get_weights(), scorer.weights[1])


def test_the_history_has_the_scores_and_the_learning_rate_at_each_epoch_s_end(trained):
    run, _, _ = trained
    with open(run.history, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_score"]) for row in rows] == SCORES[:3]
    assert [float(row["val_topic_accuracy"]) for row in rows] == SCORES[:3]
    # Of 16 updates, a tenth is the rise; the cosine falls over the rest.
    rates = [0.01 * 0.5 * (1 + math.cos(math.pi * (update - 1.6) / 14.4)) for update in (4, 8, 12)]
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx(rates, rel=1e-4)


def test_checkpoints_are_every_third_update_and_each_epoch_s_last(trained):
    run, scorer, _ = trained
    found = sorted(path.name for path in run.checkpoints.iterdir())
    assert found == ["best.keras", "update-00000009.npz", "update-00000012.npz"]
    newest = Checkpoints(run.checkpoints).latest()
    progress = Progress(**newest.state)
    assert (progress.update, progress.epoch, progress.finished) == (12, 3, True)
    assert (progress.best_score, progress.best_epoch) == (0.75, 1)
    assert_same(newest.variables[: len(scorer.weights[2])], scorer.weights[2])


def test_tensorboard_has_updates_epochs_gradients_and_samples_at_their_steps(trained):
    run, _, _ = trained
    assert [step for step, _ in scalars(run.tensorboard / "train", "loss/total")] == [2, 4, 6, 8, 10, 12]
    assert scalars(run.tensorboard / "validation", "epoch/score") == [(4, 0.25), (8, 0.75), (12, 0.625)]
    for task in ("topic", "stars"):
        norms = scalars(run.tensorboard / "train", f"gradient_norm/{task}")
        assert [step for step, _ in norms] == [4, 8, 12] and all(norm > 0 for _, norm in norms)
    events = EventAccumulator(str(run.tensorboard / "validation"), size_guidance={"tensors": 0}).Reload()
    samples = [
        tensor_util.make_ndarray(event.tensor_proto).item().decode() for event in events.Tensors("summaries/title")
    ]
    assert [event.step for event in events.Tensors("confusion/topic")] == [4, 8, 12]
    assert [sample.splitlines()[-1] for sample in samples] == [
        f"| a text | a reference | epoch {number} |" for number in (1, 2, 3)
    ]


@pytest.fixture
def interrupted(trained, tmp_path):
    """A copy of the run as it stood after update 9, in its third epoch, but with all events for TensorBoard."""
    copy = RunFolder(shutil.copytree(trained[0].path, tmp_path / "tiny"))
    (copy.checkpoints / "update-00000012.npz").unlink()
    copy.history.unlink()
    return copy


def test_an_interrupted_run_makes_only_what_is_left_of_it(trained, interrupted, patient, caplog):
    run, whole, _ = trained
    rest, watching = Scripted(epoch=2), []

    def watch(training):
        watching.append(Watching(training))
        return watching

    with caplog.at_level(logging.INFO, "tfmtl"):
        train(patient, interrupted, rest, more_callbacks=watch)
    assert "resuming after update 9" in caplog.messages
    assert "training stops: the best validation score was in epoch 2" in caplog.messages
    assert len(rest.weights) == 1
    assert_same(rest.weights[0], whole.weights[2])
    # Further callbacks see an update before it is counted.
    assert watching[0].updates == [9, 10, 11] and watching[0].model is watching[0].training.model
    assert interrupted.history.read_bytes() == run.history.read_bytes()
    # Updates that are made again are recorded once.
    for part, tag in (("train", "loss/total"), ("validation", "epoch/score")):
        repeated = [scalars(folder.tensorboard / part, tag) for folder in (interrupted, run)]
        assert [step for step, _ in repeated[0]] == [step for step, _ in repeated[1]]
        assert [value for _, value in repeated[0]] == pytest.approx([value for _, value in repeated[1]])
    assert [step for step, _ in scalars(interrupted.tensorboard / "train", "loss/total")] == [2, 4, 6, 8, 10, 12]
    assert interrupted.best_model.read_bytes() == run.best_model.read_bytes()


def test_a_checkpoint_of_another_model_is_refused_with_its_folder(interrupted, patient):
    Checkpoints(interrupted.checkpoints, keep=5).save(11, [np.zeros(3)], Progress(update=11).as_mapping())
    with pytest.raises(RunError) as caught:
        train(patient, interrupted, Scripted())
    assert str(caught.value) == (
        f"{interrupted.checkpoints}: the checkpoint belongs to another model: its variables have other shapes"
    )


def test_a_checkpoint_with_a_state_that_its_training_cannot_have_is_damaged(interrupted, patient):
    checkpoints = Checkpoints(interrupted.checkpoints, keep=5)
    found = checkpoints.latest()
    checkpoints.save(99, found.variables, {**found.state, "update": 10**18, "finished": False})
    with pytest.raises(RunError) as caught:
        train(patient, interrupted, Scripted())
    assert str(caught.value) == (
        f"{interrupted.checkpoints}: damaged: this training has no state with update: {10**18}"
    )


@pytest.fixture(scope="module")
def compiled_otherwise(make_experiment, data):
    """A model and its update, with options far from those of the tiny experiment."""
    training = {"weight_decay": 0.5, "learning_rate": 0.1, "warmup": 0.5, "decay": "linear"}
    experiment = make_experiment(training=training, balancing={"method": "fixed", "weights": {"title": 0.5}})
    topic = data.tasks["topic"].model_copy(update={"class_weights": "balanced"})
    random.seed(3)
    return compile_model(experiment, replace(data, tasks={**data.tasks, "topic": topic}))


def test_a_model_is_compiled_with_the_weights_of_tasks_and_of_classes(compiled_otherwise, data):
    _, update = compiled_otherwise
    weights = update.balancing.weights(tf.ones([4]))
    assert dict(zip(update.tasks, weights.numpy().tolist(), strict=True)) == {
        "topic": 1.0,
        "title": 0.5,
        "same": 1.0,
        "stars": 1.0,
    }
    tickets = next(stream for stream in data.streams if stream.name == "tickets")
    counts = collections.Counter(int(label) for label in tickets.splits["train"].targets["topic"] if label >= 0)
    first, second = (sum(counts.values()) / (2 * counts[label]) for label in (0, 1))
    targets = {"topic": [0, 0, 1, -1], "same": [-1], "stars": [np.nan], "title": [[0, 0]]}
    outputs = {"topic": np.zeros([4, 2]), "same": np.zeros([1, 2]), "stars": [0.0], "title": [[0.0]]}
    dtypes = {"topic": np.int32, "same": np.int32, "stars": np.float32, "title": np.int32}
    losses = update.measure(
        lambda inputs, training: {name: np.float32(values) for name, values in outputs.items()},
        ({}, {name: dtypes[name](values) for name, values in targets.items()}),
    )
    # Logits of zero give both classes a half, whose negative logarithm is ln 2.
    expected = [math.log(2) * (2 * first + second) / 3, 0.0, 0.0, 0.0]
    assert losses.numpy().tolist() == pytest.approx(expected, rel=1e-6)


def test_only_weights_decay_and_the_learning_rate_is_that_of_the_plan(compiled_otherwise):
    model, _ = compiled_otherwise
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    # Eight updates, over the first four of which it rises to 0.1.
    rate = 0.1 / 4
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)
    model.optimizer.apply([np.zeros(variable.shape, np.float32) for variable in model.trainable_variables])
    for variable in model.trainable_variables:
        stays = variable.path.rsplit("/", 1)[-1] in ("bias", "gamma", "beta")
        expected = np.full(variable.shape, 1.0 if stays else 1.0 - rate * 0.5)
        np.testing.assert_allclose(np.array(variable), expected, rtol=1e-6, err_msg=variable.path)
    assert float(model.optimizer.learning_rate) == pytest.approx(2 * rate)


def test_a_scheme_that_reads_a_text_more_than_once_is_told(experiment, data, monkeypatch, caplog):
    make_model(experiment, data)
    assert not [message for message in caplog.messages if "reads each text" in message]
    monkeypatch.setattr(HardSharing, "readings", lambda self, tasks: tasks)
    make_model(experiment, data)
    assert "model.sharing: 'hard' reads each text 4 times" in caplog.messages
