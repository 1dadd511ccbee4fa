import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tfmtl.core.errors import UserError
from tfmtl.data.batches import batches
from tfmtl.data.plan import plan_training
from tfmtl.data.stored import tables as stored
from tfmtl.data.stored.tables import stored_tables
from tfmtl.data.tables import build_tables


@pytest.fixture(params=["train", "validation"])
def split(request):
    return request.param


@pytest.fixture
def both(data, experiment, split, tmp_path, monkeypatch):
    """Tables in memory, and the same in files that were written in parts of five rows."""
    monkeypatch.setattr(stored, "PART", 5)
    packing = experiment.model.encoder.options.packing
    in_memory = build_tables(data.streams, split, data.tokenizer, packing)
    return in_memory, stored_tables(tmp_path / "entry", data.streams, split, data.tokenizer, packing)


def test_tables_in_files_have_the_same_rows(both):
    for expected, found in zip(*both, strict=True):
        assert found.slice == expected.slice
        assert {name: rows.tolist() for name, rows in found.streams.items()} == {
            name: rows.tolist() for name, rows in expected.streams.items()
        }
        assert found.targets.keys() == expected.targets.keys()
        columns = [(expected.tokens, found.tokens)]
        columns += [(expected.targets[name], found.targets[name]) for name in expected.targets]
        for known, column in columns:
            assert column.values.dtype == known.values.dtype
            np.testing.assert_array_equal(column.values, known.values)
            np.testing.assert_array_equal(column.present, known.present)
            if known.lengths is not None:
                np.testing.assert_array_equal(column.splits, known.splits)


def test_batches_of_tables_in_files_are_the_same(both, experiment):
    expected, found = (
        list(batches(tables, plan_training(tables, experiment.mixing, 2, 4, 1, 0)).as_numpy_iterator())
        for tables in both
    )
    assert len(found) == len(expected)
    for (inputs, targets), (known_inputs, known_targets) in zip(found, expected, strict=True):
        for values, known in ((inputs, known_inputs), (targets, known_targets)):
            assert values.keys() == known.keys()
            for name in values:
                np.testing.assert_array_equal(values[name], known[name])


def test_tables_are_tokenized_once_and_a_part_that_is_done_is_kept(data, experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "PART", 5)
    packing, calls = experiment.model.encoder.options.packing, []

    def build(*args):
        calls.append(args)
        if len(calls) == 3:
            raise UserError("interrupted")
        return build_tables(*args)

    monkeypatch.setattr(stored, "build_tables", build)
    with pytest.raises(UserError, match="interrupted"):
        stored_tables(tmp_path / "entry", data.streams, "train", data.tokenizer, packing)
    assert not (tmp_path / "entry").exists()
    made = stored_tables(tmp_path / "entry", data.streams, "train", data.tokenizer, packing)
    parts = sum(-(-len(stream.splits["train"]) // 5) for stream in data.streams)
    assert len(calls) == parts + 1
    found = stored_tables(tmp_path / "entry", data.streams, "train", data.tokenizer, packing)
    assert len(calls) == parts + 1
    np.testing.assert_array_equal(found[0].tokens.values, made[0].tokens.values)
    assert not (tmp_path / "entry.parts").exists()


def test_two_writers_share_the_parts(data, experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "PART", 5)
    packing, calls = experiment.model.encoder.options.packing, []

    def build(*args):
        calls.append(threading.get_ident())
        time.sleep(0.05)
        return build_tables(*args)

    monkeypatch.setattr(stored, "build_tables", build)

    def write(_):
        return stored_tables(tmp_path / "entry", data.streams, "train", data.tokenizer, packing)

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(write, range(2))
    # Locks are those of open files, so that threads are the same as processes to them.
    assert len(calls) == sum(-(-len(stream.splits["train"]) // 5) for stream in data.streams)
    assert len(set(calls)) == 2
    np.testing.assert_array_equal(first[0].tokens.values, second[0].tokens.values)
