import numpy as np
import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import SCHEDULES
from tfmtl.core.validation import Choice
from tfmtl.data.batches import batches
from tfmtl.data.columns import DenseColumn, RaggedColumn
from tfmtl.data.episodes import EpisodeDesign, plan_episodes
from tfmtl.data.plan import task_shares
from tfmtl.data.tables import Slice, Table
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.regression.options import Regression

LABELS = ("a", "b", "c", "d")
TASKS = {
    "topic": Classification(name="topic", source="tickets", labels=LABELS),
    "stars": Regression(name="stars", source="scores"),
}
DESIGN = EpisodeDesign(per_update=2, shots=2, queries=1, classes=None)


def tables(counts=(5, 4, 6, 3), scores=12):
    """A table with so many rows of each class, whose tokens are their numbers, and rows of another stream."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    total = len(labels) + scores
    tokens = RaggedColumn(np.repeat(np.arange(total), 2).astype(np.int32), 2 * np.arange(total + 1))
    topics = np.concatenate([labels, np.full(scores, -1)]).astype(np.int32)
    stars = np.concatenate([np.full(len(labels), np.nan), np.arange(scores)]).astype(np.float32)
    streams = {"tickets": np.arange(len(labels)), "scores": np.arange(len(labels), total)}
    columns = {"topic": DenseColumn(topics), "stars": DenseColumn(stars)}
    return [Table(Slice("tokens", ("topic", "stars"), ()), tokens, columns, streams)]


def plan(design=DESIGN, multiple=1, seed=0, schedule="uniform", epochs=2, of=None, tasks=TASKS):
    mixing = Choice(key="schedule", name=schedule, options=SCHEDULES.get(schedule).options())
    return plan_episodes(of or tables(), tasks, design, mixing, epochs, multiple, seed)


def parts(planned, update):
    """The rows of each episode of an update, without padding: those to adapt to, and those to measure."""
    shape, rows = planned.episodes, planned.slices[0].rows[update].reshape(planned.episodes.episodes, -1)
    halves = rows[:, : shape.support], rows[:, shape.support :]
    return [tuple(half[episode][half[episode] >= 0] for half in halves) for episode in range(shape.episodes)]


def test_an_episode_has_different_rows_of_each_class_of_one_task():
    planned, labels = plan(), tables()[0].targets["topic"].values
    assert (planned.episodes.support, planned.episodes.query) == (8, 4)
    # 30 rows, 24 in an update.
    assert planned.updates_per_epoch == 2 and planned.updates == 4
    seen = set()
    for update in range(planned.updates):
        for support, query in parts(planned, update):
            assert len({*support, *query}) == len(support) + len(query)
            if support[0] < 18:
                assert (
                    np.bincount(labels[support]).tolist() == [2] * 4 and np.bincount(labels[query]).tolist() == [1] * 4
                )
                seen.add("topic")
            else:
                assert (len(support), len(query)) == (2, 1) and min(*support, *query) >= 18
                seen.add("stars")
    assert seen == set(TASKS)


def test_it_is_a_function_of_its_seed_and_not_of_replicas():
    first, same, other, spread = (plan(), plan(), plan(seed=1), plan(multiple=3))
    np.testing.assert_array_equal(first.slices[0].rows, same.slices[0].rows)
    assert (first.slices[0].rows != other.slices[0].rows).any()
    assert (spread.episodes.support, spread.episodes.query) == (9, 6)
    for update in range(min(first.updates, spread.updates)):
        for one, several in zip(parts(first, update), parts(spread, update), strict=True):
            for rows, more in zip(one, several, strict=True):
                np.testing.assert_array_equal(rows, more)


def test_episodes_of_fewer_classes_draw_those_that_have_enough_rows():
    design = EpisodeDesign(per_update=3, shots=3, queries=1, classes=2)
    planned = plan(design, tasks={"topic": TASKS["topic"]}, epochs=20)
    labels, drawn = tables()[0].targets["topic"].values, set()
    for update in range(planned.updates):
        for support, query in parts(planned, update):
            assert np.unique(labels[support]).tolist() == np.unique(labels[query]).tolist()
            drawn.add(tuple(np.unique(labels[support]).tolist()))
    # The fourth class has three rows, one too few.
    assert drawn == {(0, 1), (0, 2), (1, 2)}


def test_steps_with_rows_of_their_own_draw_those_of_the_same_classes():
    design = EpisodeDesign(per_update=2, shots=2, queries=0, classes=2, steps=3)
    planned = plan(design, tasks={"topic": TASKS["topic"]}, multiple=3)
    labels, shape = tables()[0].targets["topic"].values, planned.episodes
    assert (shape.support, shape.query, shape.steps, shape.rows) == (6, 0, 3, 36)
    assert shape.starts(1) == [18, 24, 30, 36]
    different = 0
    for rows in planned.slices[0].rows:
        for episode in range(2):
            steps = [rows[start : start + 6] for start in shape.starts(episode)[:-1]]
            classes = [np.bincount(labels[step[step >= 0]], minlength=4).tolist() for step in steps]
            assert sorted(classes[0]) == [0, 0, 2, 2] and classes[0] == classes[1] == classes[2]
            different += {*steps[0]} != {*steps[1]}
    assert different


def test_rows_have_the_targets_of_their_episode_s_task_alone():
    both = tables()
    both[0].targets["stars"].values[:] = 1.0
    planned = plan(of=both)
    for update, (_, targets) in enumerate(batches(both, planned)):
        only = planned.slices[0].only[update]
        np.testing.assert_array_equal(targets["topic"] >= 0, only == 0)
        np.testing.assert_array_equal(~np.isnan(targets["stars"]), only == 1)
    shares = task_shares(both, planned)
    np.testing.assert_allclose(shares["topic"] + shares["stars"], 1.0)


def test_tasks_are_drawn_at_the_rates_of_their_streams():
    design = EpisodeDesign(per_update=1, shots=1, queries=0, classes=None)
    planned = plan(design, schedule="proportional", epochs=100)
    of_topic = np.mean(planned.slices[0].only.max(axis=1) == 0)
    assert of_topic == pytest.approx(18 / 30, abs=0.05)


REFUSED = {
    "more classes than there are": (EpisodeDesign(1, 1, 1, 5), ["training.meta.classes: 5", "'topic' has 4 classes"]),
    "no classes": (EpisodeDesign(1, 1, 1, 2), ["training.meta.classes: 2", "'stars' has no classes"]),
    "few rows": (
        EpisodeDesign(1, 3, 2, None),
        ["training.meta.shots", "the class 'b' of task 'topic' has 4", "'classes'"],
    ),
    "few classes": (EpisodeDesign(1, 4, 2, 2), ["only 1 classes of task 'topic' have 6 training rows"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_drawn_is_refused_in_one_line(case):
    design, expected = REFUSED[case]
    tasks = {"topic": TASKS["topic"]} if case == "few classes" else TASKS
    with pytest.raises(ConfigurationError) as refused:
        plan(design, tasks=tasks)
    message = str(refused.value)
    assert "\n" not in message and not [part for part in expected if part not in message], message
