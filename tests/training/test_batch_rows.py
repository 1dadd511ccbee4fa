import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.tables import Slice
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.kinds.summarization.options import Summarization
from tfmtl.training.batch_rows import BatchRows

TASKS = (
    Classification(name="topic", source="s", labels=("a", "b")),
    Regression(name="stars", source="t"),
    Summarization(name="title", source="s"),
)
SLICES = [Slice("tokens", ("topic", "stars"), ()), Slice("tokens_title", ("topic",), ("title",))]
# Of the first slice, rows 0 and 2 are of the first source, 1 of the second, and 3 is padding.
BATCH = (
    {
        "tokens": tf.constant([[10, 1], [11, 1], [12, 1], [0, 0]]),
        "tokens_title": tf.constant([[20], [21]]),
        "target_title": tf.constant([[2, 5, 3], [0, 0, 0]]),
    },
    {
        "topic": tf.constant([0, -1, 1, -1, -1, 1]),
        "stars": tf.constant([np.nan, 3.0, np.nan, np.nan]),
        "title": tf.constant([[2, 5, 3], [0, 0, 0]]),
    },
)


@pytest.fixture(scope="module")
def rows():
    return BatchRows(SLICES, {task.name: kind_of(task).loss(task, None) for task in TASKS})


def plain(batch):
    return tf.nest.map_structure(lambda values: np.asarray(values).tolist(), batch)


def test_rows_of_tasks_are_those_with_a_target_of_one_of_them(rows):
    inputs, targets = plain(rows.of_tasks(BATCH, ["topic", "title"]))
    assert inputs == {
        "tokens": [[10, 1], [12, 1]],
        "tokens_title": [[20], [21]],
        "target_title": [[2, 5, 3], [0, 0, 0]],
    }
    assert targets["topic"] == [0, 1, -1, 1]
    assert targets["title"] == [[2, 5, 3], [0, 0, 0]]
    inputs, targets = plain(rows.of_tasks(BATCH, ["title"]))
    assert (inputs["tokens_title"], targets["topic"][-1:]) == ([[20]], [-1])


def test_a_slice_without_the_tasks_stays_as_it_is(rows):
    inputs, targets = plain(rows.of_tasks(BATCH, ["stars"]))
    assert (inputs["tokens"], targets["stars"]) == ([[11, 1]], [3.0])
    assert inputs["tokens_title"] == [[20], [21]]


def test_parts_have_each_row_once_and_the_same_shape(rows):
    inputs, targets = plain(rows.part(BATCH, tf.constant(1), 2))
    assert inputs == {"tokens": [[11, 1], [0, 0]], "tokens_title": [[21]], "target_title": [[0, 0, 0]]}
    assert targets["topic"] == [-1, -1, 1]
    assert str(targets["stars"]) == "[3.0, nan]"
    first = plain(rows.part(BATCH, tf.constant(0), 2))
    assert first[0]["tokens"] == [[10, 1], [12, 1]]
    assert first[1]["topic"] == [0, 1, -1]
