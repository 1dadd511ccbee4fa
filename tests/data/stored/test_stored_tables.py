import json
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


def columns(facts):
    return facts["tables"][0]


FACTS = {
    "none": lambda facts: facts.clear(),
    "no tables": lambda facts: facts.update(tables=[], streams=[]),
    "no tokens": lambda facts: columns(facts).pop(""),
    "huge": lambda facts: columns(facts)[""].update(rows=10**9),
    "other tokens": lambda facts: columns(facts)[""].update(tokens=1),
    "neither": lambda facts: columns(facts)[""].pop("rows"),
    "outside": lambda facts: columns(facts).update({"../x": columns(facts)[""]}),
    "places": lambda facts: facts["streams"][0].update({name: [0, 10**9] for name in facts["streams"][0]}),
    "backwards": lambda facts: facts["streams"][0].update({name: [2, 1] for name in facts["streams"][0]}),
    "other streams": lambda facts: facts["streams"][0].update(x=[0, 1]),
}


@pytest.mark.parametrize("split", ["train"])
def test_facts_that_do_not_fit_are_damaged(both, data, experiment, tmp_path, caplog):
    expected, packing = both[1], experiment.model.encoder.options.packing
    manifest = tmp_path / "entry" / "manifest.json"
    content = manifest.read_text()
    for change in FACTS.values():
        changed = json.loads(content)
        change(changed["facts"])
        manifest.write_text(json.dumps(changed))
        caplog.clear()
        found = stored_tables(tmp_path / "entry", data.streams, "train", data.tokenizer, packing)
        (said,) = [message for message in caplog.messages if "damaged" in message]
        assert said.startswith(f"{tmp_path}/entry: damaged: ") and said.endswith("; it is made again")
        np.testing.assert_array_equal(found[0].tokens.values, expected[0].tokens.values)
        assert json.loads(manifest.read_text()) == json.loads(content)


@pytest.mark.parametrize("split", ["train"])
def test_parts_whose_facts_do_not_fit_are_damaged(data, split, experiment, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(stored, "PART", 10)
    packing = experiment.model.encoder.options.packing
    joined = stored._joined

    def interrupted(*_):
        raise UserError("interrupted")

    changes = {
        "none": lambda facts: facts.clear(),
        "rows": lambda facts: facts["tables"][0].update(rows=10**9),
        "tokens": lambda facts: facts["tables"][0]["columns"][""].update(tokens=10**9),
        "rows of a column": lambda facts: facts["tables"][0]["columns"][""].update(rows=1),
        "stream": lambda facts: facts.update(stream="x"),
        "other stream": lambda facts: facts.update(stream=9),
        "tables": lambda facts: facts["tables"].pop(),
        "no tokens": lambda facts: facts["tables"][0]["columns"].pop(""),
    }
    for change in changes.values():
        monkeypatch.setattr(stored, "_joined", interrupted)
        with pytest.raises(UserError, match="interrupted"):
            stored_tables(tmp_path / "entry", data.streams, split, data.tokenizer, packing)
        manifest = tmp_path / "entry.parts" / "000000" / "manifest.json"
        content = json.loads(manifest.read_text())
        change(content["facts"])
        manifest.write_text(json.dumps(content))
    monkeypatch.setattr(stored, "_joined", joined)
    assert len(stored_tables(tmp_path / "entry", data.streams, split, data.tokenizer, packing)) > 0
    assert len([message for message in caplog.messages if "damaged" in message]) == len(changes)
