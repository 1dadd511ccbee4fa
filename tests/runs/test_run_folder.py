import shutil
import zipfile

import numpy as np
import pytest
import yaml

from tfmtl.config.experiment import parse
from tfmtl.config.options import GenerationOptions
from tfmtl.core.errors import RunError
from tfmtl.runs.run_folder import FREE_KEYS, RunFolder

LABELS = ("travel", "music")


def described(**sections):
    values = {
        "sources": {"articles": {"format": "tsv", "train": "train.tsv"}},
        "tasks": {"subject": {"kind": "classification", "source": "articles"}},
    }
    return parse({**values, **sections})


def labelled(experiment, labels=LABELS):
    return {name: task.model_copy(update={"labels": labels}) for name, task in experiment.tasks.items()}


@pytest.fixture
def folder(tmp_path):
    """A run of `described()` that has just been claimed."""
    made = RunFolder(tmp_path / "run")
    made.claim(described(), labelled(described()))
    return made


def test_only_a_folder_with_a_configuration_is_opened(folder, tmp_path):
    assert RunFolder.open(str(folder.path)).path == folder.path
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none: there is no such run folder"
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path)
    assert str(caught.value) == f"{tmp_path}: not a run folder: there is no config.yaml in it"


def test_the_experiment_comes_back_with_its_label_sets(folder):
    tasks = labelled(described())
    assert RunFolder.open(folder.path).experiment() == described().model_copy(update={"tasks": tasks})
    assert [path.name for path in folder.path.iterdir()] == ["config.yaml"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "configuration: expected keys and values, found None"),
        (b"tasks: [\n", "while parsing a flow node"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte 0xff in position 0"),
        (b"tasks:\n  subject: {source: articles}\n", "tasks.subject: one of the keys 'kind' and 'preset' is required"),
    ],
    ids=["empty", "half", "bytes", "key"],
)
def test_a_damaged_configuration_is_told_in_one_line(folder, content, expected):
    folder.config.write_bytes(content)
    for ask in (folder.experiment, lambda: folder.check(described(), labelled(described())), folder.reader):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value).startswith(f"{folder.config}: damaged: {expected}")
        assert "\n" not in str(caught.value)


def test_of_a_list_the_first_item_that_differs_is_told(tmp_path):
    before, other = ({"training": {"stages": [{}, {"epochs": epochs}]}} for epochs in (2, 3))
    folder, experiment = RunFolder(tmp_path / "run"), described(**before)
    folder.claim(experiment, labelled(experiment))
    with pytest.raises(RunError, match=r"\(training.stages.1.epochs: it has 2, asked for 3\)"):
        folder.check(described(**other), labelled(described(**other)))


@pytest.mark.parametrize(
    ("sections", "difference"),
    [
        ({"name": "other"}, "name: it has 'experiment', asked for 'other'"),
        ({"training": {"epochs": 11}}, "training.epochs: it has 10, asked for 11"),
        ({"training": {"generate_examples": 8}}, "training.generate_examples: it has 256, asked for 8"),
        ({"generation": {"min_length": 2}}, "generation.min_length: it has 1, asked for 2"),
        ({"generation": {"no_repeat_ngram": 0}}, "generation.no_repeat_ngram: it has 3, asked for 0"),
        ({"training": {"log_every": 1, "seed": 5}}, "training.seed: it has 0, asked for 5"),
        ({"tokenizer": {"lowercase": True}}, "tokenizer.lowercase: it has False, asked for True"),
    ],
)
def test_another_configuration_is_refused_with_its_first_difference(folder, sections, difference):
    before = folder.config.read_bytes()
    other = described(**sections)
    for ask in (folder.check, folder.claim):
        with pytest.raises(RunError) as caught:
            ask(other, labelled(other))
        assert str(caught.value) == (
            f"{folder.path}: this run belongs to another configuration ({difference}); "
            "choose another folder with --run, or another name"
        )
    assert folder.config.read_bytes() == before


def test_other_labels_of_train_are_another_configuration(folder):
    with pytest.raises(RunError, match=r"\(tasks.subject.labels: it has \['travel', 'music'\], asked for \['music',"):
        folder.check(described(), labelled(described(), LABELS[::-1]))


def test_a_task_more_or_less_is_another_configuration(folder):
    more = described(tasks={name: {"kind": "classification", "source": "articles"} for name in ("subject", "tone")})
    with pytest.raises(RunError, match=r"\(tasks.tone: it has None, asked for \{'kind': 'classification'"):
        folder.check(more, labelled(more))
    folder.path.joinpath("config.yaml").unlink()
    folder.claim(more, labelled(more))
    with pytest.raises(RunError, match=r"\(tasks.tone: it has \{'kind': 'classification'.*\}, asked for None\)"):
        folder.check(described(), labelled(described()))


def test_keys_that_leave_the_weights_alone_take_new_values(folder):
    free = {
        "training": {"checkpoint_every": 7, "log_every": 3},
        "generation": {"beams": 9, "length_penalty": 0.5, "early_stopping": False},
        "evaluation": {"batch_size": 5, "bootstrap_samples": 321},
    }
    assert {f"{section}.{key}" for section, keys in free.items() for key in keys} == FREE_KEYS
    before = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    changed = described(**free)
    folder.check(changed, labelled(changed))
    assert yaml.safe_load(folder.config.read_text(encoding="utf-8")) == before
    folder.claim(changed, labelled(changed))
    expected = {key: {**value, **free[key]} if key in free else value for key, value in before.items()}
    assert yaml.safe_load(folder.config.read_text(encoding="utf-8")) == expected
    assert folder.experiment().generation.beams == 9


def test_a_claim_that_changes_nothing_writes_nothing(folder):
    before = folder.config.stat()
    folder.claim(described(), labelled(described()))
    assert (folder.config.stat().st_ino, folder.config.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_a_killed_claim_leaves_is_no_foreign_file_but_all_else_is(tmp_path):
    experiment = described()
    (tmp_path / ".config.4711.yaml").write_text("half", encoding="utf-8")
    RunFolder(tmp_path).check(experiment, labelled(experiment))
    (tmp_path / ".configuration").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        RunFolder(tmp_path).claim(experiment, labelled(experiment))
    assert str(caught.value) == f"{tmp_path}: the folder is not empty and holds no run; choose another with --run"
    assert not (tmp_path / "config.yaml").exists()
    (tmp_path / ".configuration").unlink()
    RunFolder(tmp_path).claim(experiment, labelled(experiment))
    assert RunFolder.open(tmp_path).experiment().tasks["subject"].labels == LABELS


def test_a_file_in_the_folder_s_place_stays(tmp_path):
    experiment = described()
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        RunFolder(tmp_path / "run").claim(experiment, labelled(experiment))
    assert str(caught.value) == f"{tmp_path}/run: this is a file, not a folder; choose another with --run"
    with pytest.raises(RunError) as caught:
        RunFolder(tmp_path / "run" / "deep").claim(experiment, labelled(experiment))
    expected = f"{tmp_path}/run/deep: '{tmp_path}/run' is a file, not a folder; choose another with --run"
    assert str(caught.value) == expected
    assert (tmp_path / "run").read_text(encoding="utf-8") == "mine"


@pytest.fixture(scope="module")
def finished(make_experiment, data, model, tmp_path_factory):
    """A run with a best model."""
    made = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    made.claim(make_experiment(generation={"beams": 2, "no_repeat_ngram": 2}), data.tasks)
    data.tokenizer.save(made.tokenizer)
    made.checkpoints.mkdir()
    model.save(made.best_model)
    return made


@pytest.fixture
def copied(finished, tmp_path):
    return RunFolder(shutil.copytree(finished.path, tmp_path / "copy"))


def test_the_reader_has_the_weights_tasks_and_pieces_of_the_run(finished, model, data):
    reader = finished.reader()
    for found, expected in zip(reader.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert list(reader.tasks) == ["topic", "title", "same", "stars"]
    assert reader.tasks["topic"].labels == ("cats", "dogs")
    assert reader.tokenizer.proto == data.tokenizer.proto
    assert (reader.max_length, reader.generation) == (48, GenerationOptions(beams=2, no_repeat_ngram=2))


def test_a_run_without_a_finished_epoch_has_no_reader(folder):
    with pytest.raises(RunError) as caught:
        folder.reader()
    assert str(caught.value) == f"{folder.path}: no epoch of this run has been finished, or its best.keras was removed"


@pytest.mark.parametrize("content", [b"\xff\x00junk", b"{}", b"[]", b'{"tasks": 3}'])
def test_a_damaged_evaluation_is_told(folder, content):
    folder.evaluation("test").write_bytes(b'{"split": "test", "tasks": {"topic": {"accuracy": 0.5}}}')
    assert folder.measured("test") == {"topic": {"accuracy": 0.5}}
    folder.evaluation("test").write_bytes(content)
    with pytest.raises(RunError, match=r"evaluation_test.json: damaged; evaluate the run again"):
        folder.measured("test")


REMEDY = "remove the run's folder and train it again"


def test_a_best_model_with_another_byte_is_damaged(copied):
    whole = bytearray(copied.best_model.read_bytes())
    with zipfile.ZipFile(copied.best_model) as archive:
        weights = archive.getinfo("model.weights.h5")
    whole[weights.header_offset + weights.file_size // 2] ^= 0xFF
    copied.best_model.write_bytes(whole)
    with pytest.raises(RunError) as caught:
        copied.reader()
    assert str(caught.value) == f"{copied.best_model}: damaged: the checksum of 'model.weights.h5' is wrong; {REMEDY}"


def test_a_best_model_whose_compression_is_unknown_is_damaged(copied):
    whole = bytearray(copied.best_model.read_bytes())
    # The method stands ten bytes after the signature of an entry of the central directory.
    whole[whole.rindex(b"PK\x01\x02") + 10] = 0x7F
    copied.best_model.write_bytes(whole)
    with pytest.raises(RunError, match=r"best.keras: damaged: That compression method is not supported; " + REMEDY):
        copied.reader()


def test_a_finished_training_has_its_best_model(copied):
    copied.check_best_model()
    copied.best_model.write_bytes(copied.best_model.read_bytes()[:1000])
    with pytest.raises(RunError, match=f"best.keras: damaged, though the training is finished; {REMEDY}$"):
        copied.check_best_model()
    copied.best_model.unlink()
    with pytest.raises(RunError, match=f"best.keras: missing, though the training is finished; {REMEDY}$"):
        copied.check_best_model()


def test_an_archive_that_is_no_model_is_damaged(copied):
    with zipfile.ZipFile(copied.best_model, "w") as archive:
        archive.writestr("thesis.txt", "mine")
    with pytest.raises(RunError, match=r"best.keras: damaged: [^\n]*$"):
        copied.reader()


def test_the_reader_takes_other_generation_but_no_other_pieces(copied):
    assert copied.reader(GenerationOptions(beams=7)).generation.beams == 7
    shutil.rmtree(copied.tokenizer)
    with pytest.raises(RunError) as caught:
        copied.reader()
    assert str(caught.value) == f"{copied.tokenizer}/sentencepiece.model: there is no tokenizer"
