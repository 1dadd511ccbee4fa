import json
import multiprocessing
import os
import time

import pytest

from tfmtl.core.cache import found, found_or_made, key_of


def make(folder):
    (folder / "values").write_bytes(bytes(range(200)))
    return {"rows": 3}


def test_an_entry_is_made_once(tmp_path):
    assert found(tmp_path / "entry") is None
    assert found_or_made(tmp_path / "entry", make) == ({"rows": 3}, True)
    assert found_or_made(tmp_path / "entry", pytest.fail) == ({"rows": 3}, False)
    assert found(tmp_path / "entry") == {"rows": 3}


def changed(path):
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


def edited(entry, change):
    manifest = json.loads((entry / "manifest.json").read_text())
    change(manifest)
    (entry / "manifest.json").write_text(json.dumps(manifest))


def replaced_by_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: changed(entry / "values"),
        lambda entry: (entry / "values").write_bytes(b"short"),
        lambda entry: (entry / "values").unlink(),
        lambda entry: (entry / "manifest.json").unlink(),
        lambda entry: (entry / "manifest.json").write_text("[]"),
        lambda entry: (entry / "manifest.json").write_text('{"files": {}'),
        lambda entry: (entry / "manifest.json").write_text('{"files": {}, "facts": {"rows": 3}}'),
        lambda entry: (entry / "manifest.json").write_text('{"files": {"values": {}}, "facts": {"rows": 3}}'),
        lambda entry: (entry / "manifest.json").write_text('{"files": [], "facts": {"rows": 3}}'),
        lambda entry: (entry / "manifest.json").write_text("[" * 100_000),
        lambda entry: (entry / "manifest.json").write_bytes(b"\xff\xfe"),
        lambda entry: edited(entry, lambda manifest: manifest.pop("facts")),
        lambda entry: edited(entry, lambda manifest: manifest.update(facts=[])),
        lambda entry: edited(entry, lambda manifest: manifest["files"].update({"../x": manifest["files"]["values"]})),
        lambda entry: (entry / "further").write_bytes(b"not listed"),
        lambda entry: replaced_by_a_pipe(entry / "values"),
        lambda entry: replaced_by_a_pipe(entry / "manifest.json"),
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path, damage, caplog):
    found_or_made(tmp_path / "entry", make)
    damage(tmp_path / "entry")
    assert found_or_made(tmp_path / "entry", make) == ({"rows": 3}, True)
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/entry") and message.endswith("; it is made again") and "\n" not in message
    assert found_or_made(tmp_path / "entry", pytest.fail) == ({"rows": 3}, False)


def test_facts_that_do_not_fit_are_damaged_and_a_mistake_is_not_hidden(tmp_path, caplog):
    found_or_made(tmp_path / "entry", make)
    assert found_or_made(tmp_path / "entry", make, lambda facts: facts["rows"] + 1) == (4, False)

    calls = []

    def read(facts):
        calls.append(facts)
        # Looked at once before the entry is locked, and once after it.
        return {}["a"] if len(calls) < 3 else facts["rows"]

    assert found_or_made(tmp_path / "entry", make, read) == (3, True)
    assert caplog.messages == [f"{tmp_path}/entry: damaged: 'a'; it is made again"]
    with pytest.raises(ZeroDivisionError):
        found_or_made(tmp_path / "entry", make, lambda facts: 1 / 0)


def test_what_raises_leaves_no_entry(tmp_path):
    with pytest.raises(ZeroDivisionError):
        found_or_made(tmp_path / "entry", lambda folder: 1 / 0)
    assert [path for path in tmp_path.iterdir() if not path.name.endswith(".lock")] == []


def write_slowly(entry, results):
    def slow(folder):
        time.sleep(0.3)
        return make(folder)

    results.put(found_or_made(entry, slow)[1])


def test_of_two_writers_one_makes_it_and_the_other_waits(tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    writers = [context.Process(target=write_slowly, args=(tmp_path / "entry", results)) for _ in range(2)]
    for writer in writers:
        writer.start()
    assert sorted(results.get(timeout=20) for _ in writers) == [False, True]
    for writer in writers:
        writer.join()


def write_halfway(entry, halfway):
    def endless(folder):
        make(folder)
        halfway.set()
        time.sleep(60)

    found_or_made(entry, endless)


def test_what_a_killed_writer_has_left_is_not_found_and_removed(tmp_path):
    context = multiprocessing.get_context("fork")
    halfway = context.Event()
    writer = context.Process(target=write_halfway, args=(tmp_path / "entry", halfway))
    writer.start()
    assert halfway.wait(20)
    writer.kill()
    writer.join()
    assert found(tmp_path / "entry") is None
    assert any(path.is_dir() for path in tmp_path.iterdir())
    assert found_or_made(tmp_path / "entry", make) == ({"rows": 3}, True)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["entry"]


def test_a_key_depends_on_values_and_not_on_the_order_of_names():
    assert key_of({"a": 1, "b": [2]}) == key_of(json.loads('{"b": [2], "a": 1}'))
    assert key_of({"a": 1}) != key_of({"a": 2})
