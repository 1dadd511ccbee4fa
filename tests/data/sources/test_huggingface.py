import json
import os

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


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dataset_info.json", "[]", "damaged: Input should be a valid dictionary"),
        ("dataset_info.json", "{}", "damaged: features: Field required"),
        ("dataset_info.json", '{"features": null}', "damaged: features: Input should be a valid dictionary"),
        ("dataset_info.json", DEEP, "damaged: it is nested too deeply"),
        ("dataset_info.json", "{", "damaged: Expecting property name"),
        ("state.json", "[]", "damaged: Input should be a valid dictionary"),
        ("state.json", "{}", "damaged: _data_files: Field required"),
        ("state.json", '{"_data_files": []}', "damaged: _data_files: List should have at least 1 item"),
        ("state.json", '{"_data_files": [3]}', "damaged: _data_files: 0: Input should be a valid dictionary"),
        ("state.json", '{"_data_files": [{"filename": 3}]}', "0: filename: Input should be a valid string"),
        ("state.json", '{"_data_files": [{"filename": "../two/a.arrow"}]}', "'../two/a.arrow' is not a name of"),
        ("state.json", '{"_data_files": [{"filename": "/etc/passwd"}]}', "'/etc/passwd' is not a name of"),
        ("state.json", '{"_data_files": [{"filename": ".."}]}', "'..' is not a name of"),
        ("state.json", DEEP, "damaged: it is nested too deeply"),
    ],
)
def test_a_description_of_another_form_is_damaged(tmp_path, name, content, said):
    save(tmp_path / "one")
    (tmp_path / "one" / name).write_text(content)
    with pytest.raises(DataError) as caught:
        source(tmp_path / "one").read("train", ["text"])
    assert str(caught.value).startswith(f"{tmp_path}/one/{name}: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{}", "[]", '{"splits": []}', '{"splits": "train"}', '{"splits": [3]}', DEEP])
def test_splits_of_another_form_are_damaged(tmp_path, content):
    (tmp_path / "dataset_dict.json").write_text(content)
    with pytest.raises(DataError, match=r"dataset_dict.json: damaged: [^\n]+$"):
        assert source(tmp_path).splits


@pytest.mark.parametrize("split", ["../one", "/etc", "..", ".", "", "a/b", "a\0b"])
def test_no_split_is_outside_the_folder(tmp_path, split):
    save(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "dataset_dict.json").write_text(json.dumps({"splits": [split]}))
    with pytest.raises(DataError, match="is not a name of something in the folder"):
        assert source(tmp_path / "two").splits


def test_a_split_that_is_not_there_is_told(tmp_path):
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    with pytest.raises(DataError, match="train: there is no such file"):
        source(tmp_path).read("train", ["text"])


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({"_type": "ClassLabel"}, "dataset_info.json: features: label: damaged: names: Field required"),
        ({"_type": "ClassLabel", "names": "ab"}, "label: damaged: names: Input should be a valid list"),
        ({"_type": "ClassLabel", "names": ["world"]}, r"one: row 1: column 'label': '1' is none of its 1 classes"),
    ],
)
def test_classes_that_have_no_names_are_told(tmp_path, label, said):
    save(tmp_path / "one")
    info = tmp_path / "one" / "dataset_info.json"
    info.write_text(json.dumps({"features": {**FEATURES, "label": label}}))
    with pytest.raises(DataError, match=said):
        source(tmp_path / "one").read("train", ["label"])
    assert source(tmp_path / "one").read("train", ["text"]).columns == {"text": ROWS["text"]}


def of_one_file(folder, table):
    save(folder, _data_files=[{"filename": "data.arrow"}])
    with pyarrow.OSFile(str(folder / "data.arrow"), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return source(folder)


def test_what_is_in_a_file_is_looked_at(tmp_path):
    with pytest.raises(DataError, match=r"data.arrow: there is no column 'label'"):
        of_one_file(tmp_path / "a", pyarrow.table({"text": ["a"]})).read("train", ["text", "label"])
    twice = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text", "text"])
    with pytest.raises(DataError, match=r"data.arrow: two columns are named 'text'"):
        of_one_file(tmp_path / "b", twice).read("train", ["text"])
    texts = pyarrow.table({"text": ["a"], "label": ["b"]})
    with pytest.raises(DataError, match=r"c: row 1: column 'label': 'b' is none of its 2 classes"):
        of_one_file(tmp_path / "c", texts).read("train", ["label"])
    offsets = pyarrow.array([0, 1, 2], pyarrow.int32()).buffers()[1]
    text = pyarrow.Array.from_buffers(pyarrow.string(), 2, [None, offsets, pyarrow.py_buffer(b"a\xff")])
    with pytest.raises(DataError, match=r"d: row 2: column 'text': not a value that can be read: invalid UTF-8"):
        of_one_file(tmp_path / "d", pyarrow.table({"text": text})).read("train", ["text"])


def test_a_pipe_in_the_place_of_a_file_is_not_read(tmp_path):
    save(tmp_path / "one")
    (tmp_path / "one" / "data-00000-of-00002.arrow").unlink()
    os.mkfifo(tmp_path / "one" / "data-00000-of-00002.arrow")
    with pytest.raises(DataError, match=r"data-00000-of-00002.arrow: neither a file nor a folder"):
        source(tmp_path / "one").read("train", ["text"])
