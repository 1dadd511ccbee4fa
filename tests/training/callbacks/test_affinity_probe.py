import json

import keras
import numpy as np
import pytest

from tests.training.callbacks.test_gradient_norms import (
    HEADS,
    KERNEL,
    PIECES,
    TARGETS,
    TOKENS,
    gradient_by_hand,
    trunk_of_two,
    update_of,
)
from tfmtl.training.callbacks.affinity_probe import AffinityProbe
from tfmtl.training.progress import Progress
from tfmtl.training.variable_usage import variable_usage

RATE = 0.01


def loss_by_hand(task, pieces, kernel):
    rows = np.flatnonzero(np.isfinite(TARGETS[task]))
    counts = np.stack([np.bincount(TOKENS[row], minlength=4) for row in rows])
    return np.mean((HEADS[task] * kernel * counts @ pieces - TARGETS[task][rows]) ** 2)


def measured(path, tasks):
    """What is written of ten updates, each third of them measured; the weights must stay as they are."""
    model, update, progress = trunk_of_two(), update_of([1.0, 1.0, 1.0]), Progress()
    model.compile(keras.optimizers.SGD(RATE), update=update, jit_compile=False)
    batches = [({"tokens": TOKENS}, TARGETS)] * 3
    probe = AffinityProbe(path, update, progress, variable_usage(model).among(tasks), batches, every=3)
    probe.set_model(model)
    before = model.get_weights()
    for made in range(10):
        progress.update = made
        probe.on_train_batch_begin(made)
    for value, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def lines(tmp_path):
    return measured(tmp_path / "affinity.jsonl", list(HEADS))


def test_it_measures_before_each_so_manieth_update(lines):
    assert [(line["update"], line["every"]) for line in lines] == [(3, 3), (6, 3), (9, 3)]
    assert lines[0]["affinity"] == lines[1]["affinity"]


def test_affinity_is_the_relative_fall_of_a_loss_by_a_step_for_another(lines):
    tasks = list(HEADS)
    for i, moved in enumerate(tasks[:2]):
        gradient = gradient_by_hand(moved)
        pieces, kernel = PIECES - RATE * gradient[:4], KERNEL - RATE * gradient[4]
        for j, task in enumerate(tasks[:2]):
            expected = 1 - loss_by_hand(task, pieces, kernel) / loss_by_hand(task, PIECES, KERNEL)
            assert lines[0]["affinity"][i][j] == pytest.approx(expected, rel=1e-4)
            assert lines[0]["gram"][i][j] == pytest.approx(gradient @ gradient_by_hand(task), rel=1e-4)


def test_a_task_without_a_row_has_no_number(lines):
    assert lines[0]["affinity"][2] == [None] * 3 and [row[2] for row in lines[0]["gram"]] == [None] * 3


def test_only_some_of_the_tasks_may_be_measured_in_an_order_of_their_own(tmp_path, lines):
    first, *_ = measured(tmp_path / "of_two.jsonl", ["price", "stars"])
    for key in ("affinity", "gram"):
        np.testing.assert_allclose(first[key], np.float64(lines[0][key])[[1, 0]][:, [1, 0]], rtol=1e-6)
