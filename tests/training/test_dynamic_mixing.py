"""Rates that follow from what is learned: a run that is interrupted ends as one that is not, on replicas as on one."""

import shutil

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

from tfmtl.core.errors import ConfigurationError
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.train import train_run


@pytest.fixture(scope="module")
def dynamic(make_experiment):
    """Three epochs of four updates; two slices, so that the number of rows in a batch follows from the rates."""
    training = {"epochs": 3, "batch_size": 8, "checkpoint_every": 3}
    mixing = {"schedule": "dynamic", "rule": {"type": "progress", "temperature": 0.2}, "temperature": 4.0}
    return make_experiment(training=training, tasks={"same": None}, mixing=mixing)


@pytest.fixture(scope="module")
def trained(dynamic, tmp_path_factory):
    return train_run(dynamic, RunFolder(tmp_path_factory.mktemp("runs") / "tiny"))


def newest(run):
    return Checkpoints(run.checkpoints).latest()


def test_the_first_epoch_is_drawn_by_size_and_the_others_by_progress(trained):
    rates = newest(trained).state["rates"]
    # 24 tickets and 7 scores, by temperature 4.
    sizes = np.array([7.0, 24.0]) ** 0.25
    assert list(rates[0].values()) == pytest.approx((sizes / sizes.sum()).tolist())
    assert rates[1] == rates[0] and rates[2] != rates[1]
    history = newest(trained).state["history"]
    drops = {
        name: np.mean([1.0 - history[1][f"val_{task}_loss"] / history[0][f"val_{task}_loss"] for task in tasks])
        for name, tasks in {"scores": ["stars"], "tickets": ["topic", "title"]}.items()
    }
    largest = max(map(abs, drops.values()))
    weights = {name: np.exp(abs(drop) / largest / 0.2) for name, drop in drops.items()}
    for name, rate in rates[2].items():
        assert rate == pytest.approx(0.9 * weights[name] / sum(weights.values()) + 0.1 * rates[0][name], abs=1e-4)


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_weights_and_rates(trained, dynamic, tmp_path):
    copy = RunFolder(shutil.copytree(trained.path, tmp_path / "tiny"))
    paths = sorted(copy.checkpoints.glob("update-*.npz"))
    paths[-1].unlink()
    assert int(paths[-2].stem[-8:]) % 4
    train_run(dynamic, copy)
    found, expected = newest(copy), newest(trained)
    assert found.state == expected.state
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)


@pytest.mark.slow
def test_replicas_draw_the_same_rows_and_learn_the_same(trained, dynamic, tmp_path):
    training = dynamic.training.model_copy(update={"strategy": "mirrored"})
    run = train_run(dynamic.model_copy(update={"training": training}), RunFolder(tmp_path / "two"))
    found, expected = newest(run), newest(trained)
    assert found.state["rates"] == expected.state["rates"]
    for value, reference in zip(found.variables, expected.variables, strict=True):
        if value.dtype == np.float32:
            np.testing.assert_allclose(value, reference, rtol=1e-3, atol=1e-5)


def scalars(folder, tag):
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return [(event.step, float(tensor_util.make_ndarray(event.tensor_proto))) for event in events.Tensors(tag)]


def test_tensorboard_shows_the_rates_of_each_epoch(trained):
    rates = newest(trained).state["rates"]
    for stream in ("scores", "tickets"):
        shown = scalars(trained.tensorboard / "train", f"mixing/{stream}")
        assert [step for step, _ in shown] == [4, 8, 12]
        assert [rate for _, rate in shown] == pytest.approx([of_epoch[stream] for of_epoch in rates], rel=1e-6)


@pytest.mark.slow
def test_stages_have_rates_of_their_own_and_scores_where_rates_follow_from_them(make_experiment, tmp_path):
    # One stream has reached its score from the beginning, the other never does.
    rule = {"type": "gap", "scores": {"topic": 1e-9, "stars": 1e9, "same": 1.0}}
    stages = [{"tasks": ["topic", "stars"]}, {"tasks": ["topic", "stars", "same"]}]
    training = {"epochs": 2, "batch_size": 16, "stages": stages}
    experiment = make_experiment(training=training, tasks={"title": None}, mixing={"schedule": "dynamic", "rule": rule})
    run = train_run(experiment, RunFolder(tmp_path / "tiny"))
    first, last = (newest(stage).state for stage in run.stages)
    for state, sizes in ((first, {"scores": 7, "tickets": 20}), (last, {"pairs": 10, "scores": 7, "tickets": 20})):
        start = {stream: size / sum(sizes.values()) for stream, size in sizes.items()}
        assert state["rates"][0] == pytest.approx(start, abs=1e-4)
        found, accuracy = state["rates"][1], state["history"][0].get("val_same_accuracy", 1.0)
        gaps = {"tickets": 0.0, "scores": 1.0, "pairs": 1.0 - accuracy}
        for stream in sizes:
            share = gaps[stream] / sum(gaps[name] for name in sizes)
            assert found[stream] == pytest.approx(0.9 * share + 0.1 * start[stream], abs=2e-4)


RULES = {
    "a task that there is not": ({"type": "gap", "scores": {"stras": 0.5}}, ["mixing.rule.scores", "'stars'"]),
    "a score of zero": ({"type": "gap", "scores": {"stars": 0.0}}, ["mixing.rule.scores.stars", "above 0"]),
    "a missing score": ({"type": "gap", "scores": {"stars": 0.5}}, ["mixing.rule.scores", "is missing"]),
    "an unmeasured task": ({"type": "affinity", "affinity": {"stars": {"topic": 0.1}}}, ["affinity", "is missing"]),
    "an unknown affinity": ({"type": "affinity", "affinity": {"stras": {"topic": 0.1}}}, ["affinity", "'stars'"]),
    "an unknown group": ({"type": "curriculum", "order": [["topic"], ["stras"]]}, ["order", "'stars'"]),
    "twice": ({"type": "curriculum", "order": [["topic"], ["topic"]]}, ["order", "'topic'", "twice"]),
    "an empty group": ({"type": "curriculum", "order": [["topic"], []]}, ["order", "empty"]),
    "of the same rows": ({"type": "curriculum", "order": [["topic", "stars"], ["title"]]}, ["'title'", "same rows"]),
}


@pytest.mark.parametrize("case", RULES)
def test_a_rule_that_does_not_fit_is_refused_in_one_line(make_experiment, case):
    rule, expected = RULES[case]
    with pytest.raises(ConfigurationError) as refused:
        prepare(make_experiment(tasks={"same": None}, mixing={"schedule": "dynamic", "rule": rule}), None, 1)
    message = str(refused.value)
    assert "\n" not in message and not [part for part in expected if part not in message], message


def test_an_unknown_rule_is_refused_with_the_nearest_one(make_experiment):
    with pytest.raises(ConfigurationError, match=r"mixing\.rule\.type: .*did you mean 'bandit'"):
        make_experiment(mixing={"schedule": "dynamic", "rule": "bandid"})
