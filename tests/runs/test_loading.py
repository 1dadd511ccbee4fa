import shutil
import zipfile

import numpy as np
import pytest

from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import RunError
from tfmtl.runs.loading import check_best_model, load_reader, read_evaluation


def test_the_reader_has_the_weights_tasks_and_pieces_of_the_run(finished, model, data):
    reader = load_reader(finished)
    for found, expected in zip(reader.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert list(reader.tasks) == ["topic", "title", "same", "stars"]
    assert reader.tasks["topic"].labels == ("cats", "dogs")
    assert reader.tokenizer.proto == data.tokenizer.proto
    assert (reader.packing.longest, reader.generation) == (48, GenerationOptions(beams=2, no_repeat_ngram=2))


def test_a_run_without_a_finished_epoch_has_no_reader(folder):
    with pytest.raises(RunError) as caught:
        load_reader(folder)
    assert str(caught.value) == f"{folder.path}: no epoch of this run has been finished, or its best.keras was removed"


@pytest.mark.parametrize("content", [b"\xff\x00junk", b"{}", b"[]", b'{"tasks": 3}'])
def test_a_damaged_evaluation_is_told(folder, content):
    folder.evaluation("test").write_bytes(b'{"split": "test", "tasks": {"topic": {"accuracy": 0.5}}}')
    assert read_evaluation(folder, "test") == {"topic": {"accuracy": 0.5}}
    folder.evaluation("test").write_bytes(content)
    with pytest.raises(RunError, match=r"evaluation_test.json: damaged; evaluate the run again"):
        read_evaluation(folder, "test")


REMEDY = "remove the run's folder and train it again"


def test_a_best_model_with_another_byte_is_damaged(copied):
    whole = bytearray(copied.best_model.read_bytes())
    with zipfile.ZipFile(copied.best_model) as archive:
        weights = archive.getinfo("model.weights.h5")
    whole[weights.header_offset + weights.file_size // 2] ^= 0xFF
    copied.best_model.write_bytes(whole)
    with pytest.raises(RunError) as caught:
        load_reader(copied)
    assert str(caught.value) == f"{copied.best_model}: damaged: the checksum of 'model.weights.h5' is wrong; {REMEDY}"


def test_a_best_model_whose_compression_is_unknown_is_damaged(copied):
    whole = bytearray(copied.best_model.read_bytes())
    # The method stands ten bytes after the signature of an entry of the central directory.
    whole[whole.rindex(b"PK\x01\x02") + 10] = 0x7F
    copied.best_model.write_bytes(whole)
    with pytest.raises(RunError, match=r"best.keras: damaged: That compression method is not supported; " + REMEDY):
        load_reader(copied)


def test_a_finished_training_has_its_best_model(copied):
    check_best_model(copied)
    copied.best_model.write_bytes(copied.best_model.read_bytes()[:1000])
    with pytest.raises(RunError, match=f"best.keras: damaged, though the training is finished; {REMEDY}$"):
        check_best_model(copied)
    copied.best_model.unlink()
    with pytest.raises(RunError, match=f"best.keras: missing, though the training is finished; {REMEDY}$"):
        check_best_model(copied)


def test_an_archive_that_is_no_model_is_damaged(copied):
    with zipfile.ZipFile(copied.best_model, "w") as archive:
        archive.writestr("thesis.txt", "mine")
    with pytest.raises(RunError, match=r"best.keras: damaged: [^\n]*$"):
        load_reader(copied)


def test_the_reader_takes_other_generation_but_no_other_pieces(copied):
    assert load_reader(copied, GenerationOptions(beams=7)).generation.beams == 7
    shutil.rmtree(copied.tokenizer)
    with pytest.raises(RunError) as caught:
        load_reader(copied)
    assert str(caught.value) == f"{copied.tokenizer}/sentencepiece.model: there is no tokenizer"
