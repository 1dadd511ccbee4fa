import logging
import random

import numpy as np
import pytest

from tfmtl.core.errors import RunError
from tfmtl.data.batches import batches, distributed_batches
from tfmtl.data.stored import tables as stored
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.strategy import make_strategy
from tfmtl.training.train import compile_model, train_run


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(stored, "PART", 7)


@pytest.fixture
def cached(make_experiment, tmp_path):
    """The tiny experiment with all rows and tokens in files."""

    def make(**sections):
        return make_experiment(cache={"folder": str(tmp_path / "cache"), "above": 0.0}, **sections)

    return make


def assert_same_plan(found, expected):
    assert (found.updates_per_epoch, found.seed) == (expected.updates_per_epoch, expected.seed)
    for part, known in zip(found.slices, expected.slices, strict=True):
        np.testing.assert_array_equal(part.rows, known.rows)
        np.testing.assert_array_equal(part.length, known.length)
        assert part.target_lengths.keys() == known.target_lengths.keys()
        for task, lengths in known.target_lengths.items():
            np.testing.assert_array_equal(part.target_lengths[task], lengths)


def test_data_in_files_are_those_in_memory(cached, data, monkeypatch):
    built = cached()
    for known_rows in (False, True):
        found = prepare(built, None, replicas=1)
        assert found.tasks == data.tasks
        assert found.rows == data.rows
        assert found.size == data.size
        assert found.tokenizer.proto == data.tokenizer.proto
        assert_same_plan(found.plan, data.plan)
        assert_same_plan(found.validation_plan, data.validation_plan)
        assert isinstance(found.tables[0].tokens.values, np.memmap)
        for table, known in zip(found.tables, data.tables, strict=True):
            assert table.slice == known.slice
            np.testing.assert_array_equal(table.tokens.values, known.tokens.values)
        if not known_rows:
            # Whatever is made the second time is an error.
            for name in ("build_tables", "ArrayWriter"):
                monkeypatch.setattr(stored, name, None)


def weights_after_an_epoch(experiment, data):
    random.seed(3)
    model, _ = compile_model(experiment, data)
    model.fit(batches(data.tables, data.plan, 0, data.plan.updates_per_epoch), shuffle=False, verbose=0)
    return model.get_weights()


def test_weights_are_those_of_tables_in_memory(cached, make_experiment):
    # Two streams in one slice; tables of all streams and slices are compared elsewhere.
    experiments = [make(tasks={"title": None, "same": None}) for make in (make_experiment, cached)]
    in_memory, in_files = (weights_after_an_epoch(each, prepare(each, None, replicas=1)) for each in experiments)
    for value, known in zip(in_files, in_memory, strict=True):
        np.testing.assert_array_equal(value, known)


def trained(experiment, folder):
    train_run(experiment, RunFolder(folder))
    return Checkpoints(folder / "checkpoints").latest(), (folder / "history.csv").read_text()


@pytest.mark.slow
def test_a_whole_training_is_that_of_tables_in_memory_and_so_is_a_resumed_one(
    cached, make_experiment, tmp_path, monkeypatch
):
    sections = {"training": {"checkpoint_every": 2}, "mixing": {"schedule": "temperature", "temperature": 2.0}}
    (in_memory, history), (in_files, of_files) = (
        trained(make_experiment(**sections), tmp_path / "memory"),
        trained(cached(**sections), tmp_path / "files"),
    )
    assert of_files == history
    assert in_files.state == in_memory.state
    for value, known in zip(in_files.variables, in_memory.variables, strict=True):
        np.testing.assert_array_equal(value, known)
    # It is interrupted, and goes on with tables in memory; the cache is no reason to refuse it.
    save = Checkpoints.save

    def save_and_stop(self, update, *args):
        save(self, update, *args)
        if update >= 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        trained(cached(**sections), tmp_path / "resumed")
    monkeypatch.setattr(Checkpoints, "save", save)
    resumed, of_resumed = trained(make_experiment(**sections), tmp_path / "resumed")
    assert of_resumed == history
    for value, known in zip(resumed.variables, in_memory.variables, strict=True):
        np.testing.assert_array_equal(value, known)


def test_replicas_have_the_same_parts_of_batches(cached, make_experiment):
    strategy = make_strategy("mirrored")
    parts = []
    for built in (make_experiment(), cached()):
        data = prepare(built, None, replicas=2)
        batches = iter(distributed_batches(strategy, data.tables, data.plan))
        parts.append([strategy.experimental_local_results(next(batches)[0]["tokens"]) for _ in range(3)])
    for known, found in zip(*parts, strict=True):
        for of_replica, other in zip(known, found, strict=True):
            np.testing.assert_array_equal(of_replica, other)


def test_a_cache_that_cannot_be_written_is_one_error(cached, tmp_path):
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(RunError, match="'cache: false' keeps all rows in memory"):
        prepare(cached(), None, replicas=1)


def test_it_is_said_whether_tokens_were_found(cached, caplog):
    caplog.set_level(logging.INFO)
    for word in ("tokenizing", "are found in"):
        caplog.clear()
        prepare(cached(), None, replicas=1)
        assert [word in message for message in caplog.messages if "/tables/" in message] == [True]
