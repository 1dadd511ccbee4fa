import json

import pyarrow
import pytest

from tfmtl.core.errors import DataError
from tfmtl.core.validation import validate
from tfmtl.data.sources.huggingface import HuggingFaceOptions, HuggingFaceSource

FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["world", "sports"], "_type": "ClassLabel"},
    "labels": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
}
ROWS = {"text": ["one", "two", None], "label": [1, 0, -1], "labels": [["a"], [], None]}


def save(folder, **state):
    """Writes a dataset of two files, as `save_to_disk` of `datasets` does."""
    folder.mkdir(parents=True)
    table = pyarrow.table(ROWS)
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    for name, part in zip(names, (table.slice(0, 2), table.slice(2)), strict=True):
        with pyarrow.OSFile(str(folder / name), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(part)
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    files = [{"filename": name} for name in names]
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_indices_data_files": None, **state}))


def source(folder, **options):
    return HuggingFaceSource(validate(HuggingFaceOptions, {"path": str(folder), **options}, "s"))


def test_a_dataset_is_the_training_split_and_its_classes_have_names(tmp_path):
    save(tmp_path / "one")
    found = source(tmp_path / "one")
    assert found.splits == ("train",)
    rows = found.read("train", ["label", "text", "labels"])
    assert rows.columns == {
        "label": ["sports", "world", None],
        "text": ["one", "two", None],
        "labels": [["a"], [], None],
    }
    assert rows.place(2) == f"{tmp_path}/one: row 3"
    with pytest.raises(DataError, match=r"there is no column 'txt'; did you mean 'text'\?"):
        found.read("train", ["txt"])


def test_a_folder_of_splits_whose_names_can_be_changed(tmp_path):
    for split in ("train", "dev"):
        save(tmp_path / split)
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "dev"]}))
    assert source(tmp_path).splits == ("train", "dev")
    found = source(tmp_path, splits={"validation": "dev"})
    assert found.splits == ("train", "validation")
    assert found.read("validation", ["text"]).columns == {"text": ["one", "two", None]}
    with pytest.raises(DataError, match="there is no split 'val'; it has: train, dev"):
        assert source(tmp_path, splits={"validation": "val"}).splits


def test_what_cannot_be_read_is_one_line(tmp_path):
    save(tmp_path / "one", _indices_data_files=[{"filename": "indices.arrow"}])
    with pytest.raises(DataError, match="flatten_indices"):
        source(tmp_path / "one").read("train", ["text"])
    with pytest.raises(DataError, match="there is no such file"):
        assert source(tmp_path / "two").splits
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"for want of a readable dataset_dict\.json"):
        assert source(tmp_path / "empty").splits
    save(tmp_path / "three")
    (tmp_path / "three" / "data-00000-of-00002.arrow").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"data-00000-of-00002\.arrow: cannot be read: "):
        source(tmp_path / "three").read("train", ["text"])
