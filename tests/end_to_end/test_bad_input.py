"""What a user can mend is said in one line, with exit code 2, and nothing is left half-written."""

import pytest

from tfmtl.cli import main
from tfmtl.config.yaml_file import load_experiment
from tfmtl.data.streams import load_streams


@pytest.fixture
def refused(tmp_path, capsys):
    """Returns what runs a command line that is to be refused, and returns the line that says why."""

    def run(*arguments: object) -> str:
        before = set(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        assert stopped.value.code == 2
        lines = capsys.readouterr().err.strip().splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1 and lines[-1] == errors[0]
        assert set(tmp_path.rglob("*")) == before
        return errors[0]

    return run


@pytest.fixture
def refused_training(refused, configure, tmp_path):
    def run(*settings: str, **sections) -> str:
        folder = tmp_path / "new" / "run"
        return refused("train", configure(**sections), "--run", folder, *(f"--set={setting}" for setting in settings))

    return run


CONFIGURATIONS = {
    "unknown key": ({"training": {"epoch": 3}}, ["training", "'epoch'", "did you mean 'epochs'?"]),
    "unknown section": ({"trainning": {}}, ["'trainning'", "did you mean 'training'?"]),
    "unknown kind": ({"tasks": {"subject": {"kind": "clasification"}}}, ["tasks.subject.kind", "'classification'"]),
    "unknown preset": ({"tasks": {"x": {"preset": "glue/sst"}}}, ["tasks.x.preset", "did you mean 'glue/sst2'?"]),
    "unknown source": ({"tasks": {"title": {"source": "article"}}}, ["tasks.title.source", "'articles'"]),
    "unknown format": ({"sources": {"pairs": {"format": "jsnl"}}}, ["sources.pairs.format", "'jsonl'"]),
    "unknown encoder": ({"model": {"encoder": {"type": "transfomer"}}}, ["encoder", "'transformer'"]),
    "unknown sharing": ({"model": {"sharing": {"type": "hrad"}}}, ["sharing", "'hard'"]),
    "unknown schedule": ({"mixing": {"schedule": "uniforn"}}, ["mixing.schedule", "'uniform'"]),
    "unknown method": ({"balancing": {"method": "fixd"}}, ["balancing.method", "'fixed'"]),
    "unknown strategy": ({"training": {"strategy": "miror"}}, ["training.strategy", "'mirrored'", "'miror'"]),
    "weight of no task": ({"balancing": {"weights": {"titel": 2.0}}}, ["balancing.weights", "'titel'", "'title'"]),
    "weight of no label": (
        {"tasks": {"subject": {"class_weights": {"musik": 2.0}}}},
        ["tasks.subject.class_weights", "'musik'", "did you mean 'music'?"],
    ),
    "unknown metric": ({"tasks": {"subject": {"metrics": ["acuracy"]}}}, ["tasks.subject", "'accuracy'"]),
    "no room for a summary": ({"generation": {"min_length": 12}}, ["generation", "min_length: 12", "max_length: 12"]),
    "batch size": ({"training": {"batch_size": 0}}, ["training.batch_size", "found 0"]),
    "missing file": (
        {"sources": {"articles": {"test": None, "train": "no/such.tsv"}}},
        ["no/such.tsv", "no such file"],
    ),
    "missing column": (
        {"tasks": {"subject": {"label": "labell"}}},
        ["articles_train.tsv", "'labell'", "did you mean 'label'?", "label, marks, summary, text"],
    ),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_configurations(refused_training, case):
    sections, expected = CONFIGURATIONS[case]
    message = refused_training(**sections)
    assert not [part for part in expected if part not in message], message


SETTINGS = {
    "training.epochs": ["--set training.epochs", "KEY=VALUE"],
    "training.epoch=2": ["training", "did you mean 'epochs'?"],
    "training.epochs=two": ["training.epochs", "found 'two'"],
    "training.epochs=[": ["--set training.epochs=[", "not YAML"],
    "name.x=2": ["--set name.x=2", "'name' holds a value"],
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings(refused_training, setting):
    message = refused_training(setting)
    assert not [part for part in SETTINGS[setting] if part not in message], message


ROWS = {
    "empty file": (b"", ["train.tsv"]),
    "no rows": (b"label\ttext\n", ["train.tsv", "no rows"]),
    "invalid UTF-8": (b"label\ttext\nmusic\tgood\ntravel\tfar \xff away\n", ["train.tsv:3", "0xff", "replace"]),
    "empty text": (b"label\ttext\nmusic\tgood\ntravel\t  \n", ["train.tsv:3", "'text' is empty"]),
    "no labels": (b"label\ttext\n\tgood\n\tfar\n", ["subject", "none"]),
    "one label": (b"label\ttext\nmusic\tgood\nmusic\tfar\n", ["subject", "two labels", "'music'"]),
}


@pytest.fixture
def source(tmp_path):
    """Returns what writes train and validation of a source, and returns the sections that read them alone."""

    def write(train: bytes, validation: bytes = b"label\ttext\nmusic\tgood\n", **options) -> dict:
        paths = {"train": tmp_path / "train.tsv", "validation": tmp_path / "validation.tsv"}
        paths["train"].write_bytes(train)
        paths["validation"].write_bytes(validation)
        files = {split: str(path) for split, path in paths.items()} | {"test": str(paths["validation"])}
        return {
            "sources": {"articles": {**files, **options}},
            "tasks": {"title": None, "goodness": None},
        }

    return write


@pytest.mark.parametrize("case", ROWS)
def test_rows(refused_training, source, case):
    rows, expected = ROWS[case]
    message = refused_training(**source(rows))
    assert not [part for part in expected if part not in message], message


def test_a_label_that_train_never_had(refused_training, source):
    train = b"label\ttext\nmusic\tgood\ntravel\tfar\n"
    message = refused_training(**source(train, b"label\ttext\nmusic\tgood\ntravle\tfar\n"))
    assert "validation.tsv:3" in message and "'travle'" in message and "did you mean 'travel'?" in message


def test_a_regression_without_a_usable_row(refused_training, tmp_path):
    for split in ("train", "validation"):
        (tmp_path / f"{split}.jsonl").write_text('{"first": "a", "second": "b", "score": null}\n' * 4)
    files = {split: str(tmp_path / f"{split}.jsonl") for split in ("train", "validation")}
    message = refused_training(sources={"pairs": {"test": None, **files}})
    assert "task 'goodness'" in message and "nothing to learn from" in message


def test_a_missing_configuration_file_and_usage(refused, tmp_path):
    assert "no-such.yaml: there is no such file" in refused("train", tmp_path / "no-such.yaml")
    assert "CONFIG" in refused("train").upper()
    assert "--sett" in refused("train", "x.yaml", "--sett", "a=1")
    assert "'trian'" in refused("trian", "x.yaml")


def test_a_configuration_that_is_no_yaml(refused, tmp_path):
    (tmp_path / "x.yaml").write_text("tasks: [\n")
    assert "x.yaml: not YAML" in refused("train", tmp_path / "x.yaml")
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe")
    assert "x.yaml: cannot be read" in refused("train", tmp_path / "x.yaml")


def test_a_folder_with_something_else_in_it(refused, configure, tmp_path):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.txt").write_text("mine")
    config = configure()
    assert "not empty and holds no run" in refused("train", config, "--run", tmp_path / "foreign")
    assert "this is a file" in refused("train", config, "--run", tmp_path / "foreign" / "thesis.txt")
    assert "thesis.txt' is a file, not a folder" in refused(
        "train", config, "--run", tmp_path / "foreign" / "thesis.txt" / "run"
    )


def test_evaluating_what_is_no_run(refused, tmp_path):
    assert "there is no such run folder" in refused("evaluate", tmp_path / "none")
    assert "there is no config.yaml" in refused("evaluate", tmp_path)


def test_a_run_without_a_finished_epoch(refused, configure, tmp_path):
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "config.yaml").write_bytes(configure().read_bytes())
    assert "no epoch of this run has been finished" in refused("evaluate", tmp_path / "begun")


def test_invalid_bytes_are_replaced_where_asked_for(source, configure):
    train = b"label\ttext\nmusic\tgood \xff sound\ntravel\tfar away\n"
    (stream,), _ = load_streams(load_experiment(configure(**source(train, encoding_errors="replace"))))
    assert list(stream.splits["train"].text) == ["good \ufffd sound", "far away"]
