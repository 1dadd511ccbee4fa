import json
import math

import pytest

from tfmtl.core.errors import RunError
from tfmtl.training.progress import Progress


def test_the_epoch_is_that_of_the_next_update():
    places = [(p.epoch, p.within_epoch) for p in (Progress(update, 3) for update in (0, 2, 3, 7))]
    assert places == [(0, 0), (0, 2), (1, 0), (2, 1)]


def test_it_survives_json():
    progress = Progress(4, 3, history=[{"loss": 1.0}], task_best={"topic": [0.5, 1]}, stopped_tasks=["title"])
    assert Progress.of(json.loads(json.dumps(progress.as_mapping())), "here") == progress


def state(**changes):
    """The state of a training of 4 epochs with 3 updates each, after 7 updates."""
    progress = Progress(7, 3, [{"epoch": 1, "loss": math.nan}, {"epoch": 2, "loss": 1.0}], 0.5, 1.0, 1)
    return {**progress.as_mapping(), "task_best": {"topic": [0.5, 1.0, 1]}, **changes}


def test_numbers_stay_as_they_are():
    assert [repr(value) for row in Progress.of(state(), "here").history for value in row.values()] == [
        "1",
        "nan",
        "2",
        "1.0",
    ]
    earlier = state()
    del earlier["rates"]
    assert Progress.of(earlier, "here").rates == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"update": "x"}, "update: Input should be a valid integer"),
        ({"update": 1.0}, "update: Input should be a valid integer"),
        ({"update": None}, "update: Input should be a valid integer"),
        ({"update": True}, "update: Input should be a valid integer"),
        ({"finished": "no"}, "finished: Input should be a valid boolean"),
        ({"finished": 0}, "finished: Input should be a valid boolean"),
        ({"history": [{"a": "b"}]}, "history: 0: a: Input should be a valid number"),
        ({"history": {}}, "history: Input should be a valid"),
        ({"best_score": []}, "best_score: Input should be a valid number"),
        ({"task_best": {"topic": 3}}, "task_best: topic: Input should be a valid"),
        ({"stopped_tasks": [1]}, "stopped_tasks: 0: Input should be a valid string"),
        ({"rates": [{"a": "b"}]}, "rates: 0: a: Input should be a valid number"),
        ({"updaet": 1}, "a training has no 'updaet'; did you mean 'update'?"),
    ],
)
def test_a_state_of_other_types_is_damaged(changes, said):
    with pytest.raises(RunError) as caught:
        Progress.of(state(**changes), "here")
    assert str(caught.value).startswith("here: damaged: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["update", "updates_per_epoch", "history", "finished", "best_score"])
def test_a_state_without_a_value_is_damaged(name):
    less = state()
    del less[name]
    with pytest.raises(RunError, match=f"here: damaged: there is no '{name}' in the state of its training"):
        Progress.of(less, "here")


def misfit(streams=(), **changes):
    return Progress.of(state(**changes), "here").misfit(12, 3, ["topic", "title"], streams)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"update": -5}, "update: -5"),
        ({"update": 10**18}, "update: 1000000000000000000"),
        ({"update": 13}, "update: 13"),
        ({"updates_per_epoch": 0}, "updates_per_epoch: 0"),
        ({"updates_per_epoch": 4}, "updates_per_epoch: 4"),
        ({"history": []}, "history: []"),
        ({"best_epoch": 9}, "best_epoch: 9"),
        ({"task_best": {"other": [0.5, 1.0, 1]}}, "task_best: {'other': [0.5, 1.0, 1]}"),
        ({"task_best": {"topic": [0.5]}}, "task_best: {'topic': [0.5]}"),
        ({"stopped_tasks": ["other"]}, "stopped_tasks: ['other']"),
        ({"rates": [{"a": 1.0}]}, "rates: [{'a': 1.0}]"),
    ],
)
def test_a_state_that_a_training_cannot_have_is_told(changes, said):
    assert misfit(**changes) == said


def test_a_state_that_a_training_can_have_fits():
    assert misfit() is None
    assert misfit(update=6) is None
    assert misfit(finished=True, stopped_tasks=["topic", "title"]) is None
    assert misfit(update=0, history=[], best_epoch=-1) is None
    # Without epochs, a training is finished after it has been validated.
    assert misfit(update=0, history=[{"epoch": 0}], best_epoch=-1, finished=True) is None


def test_rates_are_those_of_all_streams_in_the_epochs_so_far():
    rates = {"a": 0.25, "b": 0.75}
    assert [misfit("ab", rates=[rates] * epochs) is None for epochs in range(5)] == [False, False, True, True, False]
    for wrong in ({"a": 1.0}, {"a": 0.5, "c": 0.5}, {"a": -1.0, "b": 2.0}, {"a": math.nan, "b": 1.0}):
        assert misfit("ab", rates=[rates, rates, wrong]).startswith("rates: ")
