import json
from types import SimpleNamespace

import numpy as np
import pytest

from tfmtl.data.plan import Plan, SlicePlan
from tfmtl.data.stored.plan import stored_plan

TABLES = [SimpleNamespace(tokens=range(9)), SimpleNamespace(tokens=range(2))]
"""Of a table, only its number of rows counts."""


def make_plan(allocate):
    slices = []
    for number, table in enumerate(TABLES):
        rows = allocate(number, (4, 3))
        rows[:] = np.arange(12).reshape(4, 3) % (len(table.tokens) + 1) - 1
        lengths = np.arange(4, dtype=np.int32)
        slices.append(SlicePlan(rows, lengths + 1, {"title": lengths + 2, "note": lengths + 3} if number else {}))
    return Plan(tuple(slices), 2, seed=5)


def stored(tmp_path):
    return stored_plan(tmp_path / "entry", TABLES, make_plan)


def assert_is_the_plan(found):
    known = make_plan(lambda number, shape: np.empty(shape, np.int32))
    assert (found.updates, found.updates_per_epoch, found.seed) == (4, 2, 5)
    for part, expected in zip(found.slices, known.slices, strict=True):
        np.testing.assert_array_equal(part.rows, expected.rows)
        np.testing.assert_array_equal(part.length, expected.length)
        assert list(part.target_lengths) == list(expected.target_lengths)
        for task, lengths in expected.target_lengths.items():
            np.testing.assert_array_equal(part.target_lengths[task], lengths)


def test_a_plan_in_files_is_the_one_that_was_made(tmp_path):
    for _ in range(2):
        assert_is_the_plan(stored(tmp_path))


FACTS = {
    "none": lambda facts: facts.clear(),
    "no slices": lambda facts: facts.update(shapes=[], targets=[]),
    "one slice": lambda facts: facts.update(shapes=facts["shapes"][:1], targets=facts["targets"][:1]),
    "huge": lambda facts: facts.update(shapes=[[10**9, 3]] * 2),
    "other updates": lambda facts: facts.update(shapes=[[4, 3], [2, 6]]),
    "other targets": lambda facts: facts.update(targets=[["title"], ["note"]]),
    "epochs": lambda facts: facts.update(updates_per_epoch=3),
    "no epochs": lambda facts: facts.update(updates_per_epoch=0),
    "text": lambda facts: facts.update(seed="x"),
}


@pytest.mark.parametrize("change", FACTS.values(), ids=FACTS)
def test_facts_that_do_not_fit_are_damaged(tmp_path, change, caplog):
    stored(tmp_path)
    manifest = tmp_path / "entry" / "manifest.json"
    content = json.loads(manifest.read_text())
    change(content["facts"])
    manifest.write_text(json.dumps(content))
    assert_is_the_plan(stored(tmp_path))
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path}/entry: damaged: ") and said.endswith("; it is made again")


def test_rows_that_a_table_does_not_have_are_damaged(tmp_path, caplog):
    stored(tmp_path)
    found = stored_plan(tmp_path / "entry", [SimpleNamespace(tokens=range(8)), TABLES[1]], make_plan_of_fewer)
    assert found.slices[0].rows.max() == 7
    assert "it reads a row that its table of 8 rows does not have; it is made again" in caplog.text


def make_plan_of_fewer(allocate):
    plan = make_plan(allocate)
    plan.slices[0].rows[:] = np.minimum(plan.slices[0].rows, 7)
    return plan
