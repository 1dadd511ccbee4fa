"""Stages that share an optimizer: what goes on keeps its moments, what pauses stays as it is."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmtl.core.errors import ConfigurationError
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.kept_optimizer import KeptOptimizer
from tfmtl.training.optimizers.adamw import AdamW
from tfmtl.training.train import train_run


def gradient(step):
    return tf.constant(np.random.default_rng(step).normal(size=(3, 2)), tf.float32)


def test_moments_and_their_bias_go_on_in_another_optimizer():
    def begun(value):
        variable = keras.Variable(value, dtype="float32", name="kernel")
        optimizer = AdamW(0.1, decay=0.0)
        optimizer.build([variable])
        return variable, optimizer

    whole, one = begun(np.ones((3, 2)))
    for step in range(5):
        one.apply([gradient(step)], [whole])
    parted, first = begun(np.ones((3, 2)))
    for step in range(3):
        first.apply([gradient(step)], [parted])
    rest, second = begun(parted.numpy())
    for slot, before in zip(second.variables, first.variables, strict=True):
        if slot.name != "iteration":
            slot.assign(before)
    second.continue_after({rest.path: 3})
    for step in (3, 4):
        second.apply([gradient(step)], [rest])
    np.testing.assert_array_equal(rest.numpy(), whole.numpy())


@pytest.fixture(scope="module")
def staged(make_experiment):
    """Both tasks, then one of them while the other pauses, then both."""
    stages = [{"tasks": ["topic", "stars"]}, {"tasks": ["topic"]}, {"tasks": ["topic", "stars"]}]
    training = {"epochs": 1, "batch_size": 7, "stage_optimizer": "kept", "stages": stages}
    return make_experiment(training=training, tasks={"title": None, "same": None})


def test_what_pauses_stays_and_what_goes_on_keeps_its_moments(staged, tmp_path, monkeypatch):
    begun, models = [], []

    def begin(self, update, tasks):
        begin_stage(self, update, tasks)
        begun.append([np.asarray(variable) for variable in self._model.optimizer.variables])
        models.append(self._model)

    begin_stage = KeptOptimizer.begin
    monkeypatch.setattr(KeptOptimizer, "begin", begin)
    run = train_run(staged, RunFolder(tmp_path / "run"))
    ends = [Checkpoints(stage.checkpoints).latest().variables for stage in run.stages]
    model, optimizer = models[-1], models[-1].optimizer
    count = len(model.variables)
    of_stages = [(end[:count], end[count : count + len(optimizer.variables)]) for end in ends]
    for (_, before), after in zip(of_stages, begun[1:], strict=False):
        for variable, value, moments in zip(optimizer.variables, before, after, strict=True):
            np.testing.assert_array_equal(moments, 0 if variable.name == "iteration" else value)
    paths = {variable.path for variable in model.network.own_variables("stars")}
    paused = [k for k, variable in enumerate(model.variables) if variable.path in paths]
    slots = [k for k, variable in enumerate(optimizer.variables) if "stars" in variable.path]
    assert paused and len(slots) == 2 * len(paused)
    (first, first_slots), (second, second_slots), (third, _) = of_stages
    for k in paused:
        np.testing.assert_array_equal(first[k], second[k])
        assert (second[k] != third[k]).any()
    for k in slots:
        np.testing.assert_array_equal(first_slots[k], second_slots[k])
    # The second stage and the third are repeated.
    shutil.rmtree(run.checkpoints)
    shutil.rmtree(run.stage(2).checkpoints)
    train_run(staged, run)
    for value, reference in zip(Checkpoints(run.checkpoints).latest().variables, ends[-1], strict=True):
        np.testing.assert_array_equal(value, reference)


def test_an_optimizer_that_cannot_go_on_is_refused(staged, data, compiled):
    model, _ = compiled
    model.optimizer = keras.optimizers.SGD()
    with pytest.raises(ConfigurationError, match="stage_optimizer: the optimizer 'sgd' cannot be kept"):
        KeptOptimizer(model, "sgd")
