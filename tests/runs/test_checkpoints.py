import logging

import keras
import numpy as np
import pytest

from tfmtl.core.errors import RunError
from tfmtl.core.later_variables import mark_later
from tfmtl.runs.checkpoints import Checkpoints


def variables(value, shape=(3, 2)):
    return [
        keras.Variable(np.full(shape, value, np.float32)),
        keras.Variable(int(value), dtype="int64"),
        keras.Variable(True, dtype="bool"),
    ]


@pytest.fixture
def checkpoints(tmp_path):
    """Two checkpoints: of update 5 and of update 10."""
    made = Checkpoints(tmp_path / "checkpoints")
    for update in (5, 10):
        made.save(update, variables(update / 2), {"update": update, "best_score": float("-inf")})
    return made


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "checkpoints").iterdir())


def test_what_is_saved_comes_back(checkpoints):
    checkpoint = checkpoints.latest()
    assert checkpoint.state == {"update": 10, "best_score": float("-inf")}
    restored = variables(0)
    checkpoint.restore(restored)
    for variable, expected in zip(restored, variables(5.0), strict=True):
        np.testing.assert_array_equal(np.array(variable), np.array(expected))
        assert variable.dtype == expected.dtype


def test_variables_that_an_earlier_version_lacked_keep_their_initial_values(checkpoints):
    first, *rest = variables(0)
    later = keras.Variable(0.25)
    with pytest.raises(RunError, match="the checkpoint belongs to another model"):
        checkpoints.latest().restore([first, later, *rest])
    mark_later(later)
    checkpoints.latest().restore([first, later, *rest])
    assert float(later) == 0.25 and int(rest[0]) == 5
    np.testing.assert_array_equal(first, variables(5.0)[0])


def test_many_variables_keep_their_order(tmp_path):
    made = Checkpoints(tmp_path)
    made.save(1, [keras.Variable(float(index)) for index in range(120)], {})
    assert [float(value) for value in made.latest().variables] == list(range(120))


def test_the_last_two_are_kept_and_nothing_else_is_left(checkpoints, tmp_path):
    checkpoints.save(11, variables(1), {})
    checkpoints.save(100, variables(1), {})
    assert files(tmp_path) == ["update-00000011.npz", "update-00000100.npz"]


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert Checkpoints(tmp_path / "nothing").latest() is None


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"x" * 500])
def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(checkpoints, tmp_path, caplog, damage):
    newest = tmp_path / "checkpoints" / "update-00000010.npz"
    newest.write_bytes(damage(newest.read_bytes()))
    with caplog.at_level(logging.WARNING, "tfmtl"):
        assert checkpoints.latest().state["update"] == 5
    (record,) = caplog.records
    assert str(newest) in record.getMessage() and "damaged" in record.getMessage()


def test_no_flipped_byte_is_read_as_something_else(checkpoints, tmp_path):
    newest = tmp_path / "checkpoints" / "update-00000010.npz"
    whole = newest.read_bytes()
    for place in range(0, len(whole), 3):
        newest.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        checkpoint = checkpoints.latest()
        value = checkpoint.state["update"] / 2
        assert len(checkpoint.variables) == 3
        np.testing.assert_array_equal(checkpoint.variables[0], np.full([3, 2], value))


def test_where_all_are_damaged_there_is_one_clear_line(checkpoints, tmp_path):
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(b"")
    with pytest.raises(RunError, match="no checkpoint can be read; remove the folder") as caught:
        checkpoints.latest()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("others", [variables(0, shape=(2, 3)), variables(0)[:2]], ids=["shapes", "number"])
def test_variables_of_another_model_are_refused(checkpoints, others):
    before = [np.array(variable) for variable in others]
    with pytest.raises(RunError, match="belongs to another model"):
        checkpoints.latest().restore(others)
    for variable, value in zip(others, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value)
