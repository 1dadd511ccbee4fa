import numpy as np
import pytest

from tfmtl.core.errors import RunError
from tfmtl.data.stored.arrays import ArrayWriter, BytesWriter, StoredTargets, StoredTexts, check_ends, mapped


def test_an_array_is_mapped_if_its_file_has_its_size(tmp_path):
    path = tmp_path / "a"
    np.arange(6, dtype=np.int32).tofile(path)
    assert mapped(path, "<i4", [2, 3]).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert mapped(tmp_path / "none", np.int64, [0, 4]).shape == (0, 4)
    for dtype, shape in (("<i4", [7]), ("<i4", [5]), ("<i8", [6]), ("<i4", [10**9]), ("<i4", [0]), ("<i4", [10**30])):
        with pytest.raises(ValueError, match=r"'a' has 24 bytes instead of \d+"):
            mapped(path, dtype, shape)
    for dtype, shape in (("O", [3]), ("S4", [6]), ("<i4", [-2, -3])):
        with pytest.raises(ValueError, match="'a' cannot hold values of type"):
            mapped(path, dtype, shape)


def written(folder, values):
    writer = BytesWriter(folder / "text")
    writer.append(values)
    writer.close()
    return folder / "text"


def test_texts_that_are_none_are_one_line(tmp_path):
    assert list(StoredTexts(written(tmp_path, [b"a", b"\xff"]), 2)[:1]) == ["a"]
    with pytest.raises(RunError, match=rf"text: damaged: [^\n]+; remove {tmp_path.parent}$"):
        StoredTexts(tmp_path / "text", 2)[1]


def test_targets_that_are_none_are_one_line(tmp_path):
    path = written(tmp_path, [b"cos\nsystem\n(S'true'\ntR."])
    writer = ArrayWriter(tmp_path / "text.present")
    writer.append(np.ones(1, bool))
    writer.close()
    with pytest.raises(RunError, match=r"text: damaged: os.system is no target; remove "):
        StoredTargets(path, 1)[0]


@pytest.mark.parametrize("ends", [[0, 2, 1, 4], [1, 2, 3, 4], [0, 5, 6, 4], [-1, 1, 2, 4]])
def test_ends_that_fall_are_damaged(tmp_path, ends):
    path = written(tmp_path, [b"a", b"bc", b"d"])
    np.array(ends, np.int64).tofile(f"{path}.ends")
    with pytest.raises(ValueError, match=r"'text\.ends' does not say where pieces end"):
        StoredTexts(path, 3)


def test_ends_of_many_pieces_are_those_of_all_of_them(tmp_path):
    ends = np.arange(10_000)
    check_ends(ends, 9_999, tmp_path / "a")
    for wrong in range(4090, 4100):
        changed = ends.copy()
        changed[wrong] = 0
        with pytest.raises(ValueError, match="does not say"):
            check_ends(changed, 9_999, tmp_path / "a")
