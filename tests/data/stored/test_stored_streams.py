import json
import logging

import numpy as np
import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.errors import DataError, MissingColumnError
from tfmtl.data.columns import is_present
from tfmtl.data.digests import digests
from tfmtl.data.sources import delimited, files, json_files, parquet
from tfmtl.data.stored import streams as stored
from tfmtl.data.stored.streams import load_or_find_streams
from tfmtl.data.streams import load_streams


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    for module in (files, delimited, json_files, parquet):
        monkeypatch.setattr(module, "CHUNK", 7)


@pytest.fixture
def write(tmp_path):
    """Writes 60 rows with labels, summaries and missing values in the format of the ending, and names the file."""

    def write(name):
        rows = [
            {
                "text": f"Text {row} of\u2028several ones, é {'x' * (row % 5)}",
                "label": ("NA", "b", "a", "c")[row % 4],
                "score": str(row / 3) if row % 3 else None,
                "title": f"Title {row}" if row % 5 else None,
            }
            for row in range(60)
        ]
        path = tmp_path / name
        if name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        elif name.endswith(".parquet"):
            import pandas

            pandas.DataFrame(rows).to_parquet(path)
        else:
            lines = ["\t".join(rows[0]), *("\t".join(value or "" for value in row.values()) for row in rows)]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def experiment(path, tmp_path, seed=0, **source):
    return parse(
        {
            "sources": {"s": {"train": str(path), **source}},
            "tasks": {
                "label": {"kind": "classification", "label": "label"},
                "score": {"kind": "regression", "target": "score"},
                "title": {"kind": "summarization", "summary": "title"},
            },
            "training": {"seed": seed},
            "cache": {"folder": str(tmp_path / "cache"), "above": 0.0},
        }
    )


def assert_same(found, expected):
    assert found[1] == expected[1]
    for stream, known in zip(found[0], expected[0], strict=True):
        assert (stream.name, stream.tasks, stream.cut) == (known.name, known.tasks, known.cut)
        assert stream.splits.keys() == known.splits.keys()
        for split, examples in stream.splits.items():
            of_known = known.splits[split]
            assert list(examples.text) == list(of_known.text)
            assert digests(examples) == digests(of_known)
            for task, targets in examples.targets.items():
                assert targets.dtype == of_known.targets[task].dtype
                np.testing.assert_array_equal(is_present(targets), is_present(of_known.targets[task]))
                np.testing.assert_array_equal(targets[:], of_known.targets[task])


@pytest.mark.parametrize("name", ["rows.tsv", "rows.jsonl", "rows.parquet"])
@pytest.mark.parametrize("source", [{}, {"limit": {"train": 20, "test": 3}}], ids=["whole", "limited"])
def test_rows_in_files_are_those_in_memory(write, tmp_path, name, source):
    built = experiment(write(name), tmp_path, **source)
    expected = load_streams(built)
    assert_same(load_or_find_streams(built), expected)
    assert_same(load_or_find_streams(built), expected)


def test_what_is_said_is_said_again_when_rows_are_found(write, tmp_path, caplog):
    built = experiment(write("rows.tsv"), tmp_path)
    caplog.set_level(logging.INFO)
    load_streams(built)
    expected = caplog.messages
    for word in ("reading its rows, once", "its rows are found"):
        caplog.clear()
        load_or_find_streams(built)
        assert set(expected) < set(caplog.messages)
        assert [word in message for message in caplog.messages if "cache" in message] == [True]
    assert any("taken as missing" in message for message in expected)


def entries(tmp_path):
    return len([path for path in (tmp_path / "cache" / "rows").iterdir() if path.is_dir()])


def test_rows_are_read_again_if_files_or_what_shapes_rows_changes(write, tmp_path):
    path = write("rows.jsonl")
    load_or_find_streams(experiment(path, tmp_path))
    load_or_find_streams(experiment(path, tmp_path))
    assert entries(tmp_path) == 1
    load_or_find_streams(experiment(path, tmp_path, seed=1))
    assert entries(tmp_path) == 2
    path.write_text(path.read_text(encoding="utf-8").replace("Text 3 ", "Word 3 "), encoding="utf-8")
    found, _ = load_or_find_streams(experiment(path, tmp_path))
    assert entries(tmp_path) == 3
    assert any(text.startswith("Word 3 ") for text in found[0].splits["train"].text)


def test_a_source_below_the_limit_is_in_memory(write, tmp_path):
    built = experiment(write("rows.tsv"), tmp_path)
    for cache in ({"folder": str(tmp_path / "cache"), "above": 1.0}, {"enabled": False}):
        options = built.cache.model_copy(update={"enabled": True, "above": 1.0} | cache)
        load_or_find_streams(built.model_copy(update={"cache": options}))
    assert not (tmp_path / "cache").exists()


def test_errors_are_those_of_rows_in_memory(write, tmp_path):
    path = write("rows.tsv")
    text = path.read_text(encoding="utf-8")
    for line, wrong, kind in ((40, text, DataError), (0, text.replace("score", "points", 1), MissingColumnError)):
        lines = wrong.split("\n")
        if line:
            lines[line] = lines[line].rsplit("\t", 2)[0] + "\tmuch\tTitle"
        path.write_text("\n".join(lines), encoding="utf-8")
        messages = []
        for load in (load_streams, load_or_find_streams):
            with pytest.raises(kind) as error:
                load(experiment(path, tmp_path))
            messages.append(str(error.value))
        assert messages[0] == messages[1]
    assert entries(tmp_path) == 0


def test_large_is_what_has_large_training_files(write, tmp_path):
    built = experiment(write("rows.tsv"), tmp_path)
    assert stored.is_large(built, "s")
    few = experiment(write("rows.tsv"), tmp_path, shots=2)
    assert not stored.is_large(few, "s")


def deeper(layout, **changes):
    layout.update(changes)


FACTS = {
    "none": lambda facts: facts.clear(),
    "resolved": lambda facts: facts.pop("resolved"),
    "resolved of others": lambda facts: facts.update(resolved={}),
    "resolved otherwise": lambda facts: facts["resolved"]["label"].update(labels=3),
    "streams": lambda facts: facts.update(layouts=[], digests=[]),
    "splits": lambda facts: facts["layouts"][0].pop("train"),
    "rows": lambda facts: deeper(facts["layouts"][0]["train"], rows=10**9),
    "rows and digest": lambda facts: [deeper(facts[part][0]["train"], rows=10**9) for part in ("layouts", "digests")],
    "negative rows": lambda facts: deeper(facts["layouts"][0]["train"], rows=-1),
    "text for rows": lambda facts: deeper(facts["layouts"][0]["train"], rows="48"),
    "pair": lambda facts: deeper(facts["layouts"][0]["train"], pair=True),
    "targets": lambda facts: facts["layouts"][0]["train"]["targets"].pop("score"),
    "other targets": lambda facts: facts["layouts"][0]["train"]["targets"].update({"../x": ["<f4", []]}),
    "objects": lambda facts: facts["layouts"][0]["train"]["targets"].update(score=["|O", []]),
    "shape": lambda facts: facts["layouts"][0]["train"]["targets"].update(score=["<f4", [10**9]]),
    "dtype": lambda facts: facts["layouts"][0]["train"]["targets"].update(score=["junk", []]),
    "digest": lambda facts: facts["digests"][0]["train"].pop("text"),
    "messages": lambda facts: facts.update(messages=[["x"]]),
}


@pytest.mark.parametrize("change", FACTS.values(), ids=FACTS)
def test_an_entry_whose_facts_do_not_fit_is_damaged_and_made_again(write, tmp_path, change, caplog):
    made = experiment(write("rows.tsv"), tmp_path, missing=["NA"])
    (expected,), _ = load_or_find_streams(made)
    (manifest,) = (tmp_path / "cache" / "rows").glob("*/manifest.json")
    content = json.loads(manifest.read_text())
    change(content["facts"])
    manifest.write_text(json.dumps(content))
    caplog.clear()
    (found,), _ = load_or_find_streams(made)
    assert digests(found.splits["train"]) == digests(expected.splits["train"])
    (said,) = [message for message in caplog.messages if "damaged" in message]
    assert said.startswith(f"{manifest.parent}: damaged: ") and said.endswith("; it is made again")
    caplog.clear()
    load_or_find_streams(made)
    assert "damaged" not in caplog.text
