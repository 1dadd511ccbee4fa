import pytest
import yaml

from tests.runs.described import LABELS, described, labelled
from tfmtl.core.errors import RunError
from tfmtl.runs.identity import FREE_KEYS, check_configuration, claim, experiment_of
from tfmtl.runs.loading import load_reader
from tfmtl.runs.run_folder import RunFolder


def test_the_experiment_comes_back_with_its_label_sets(folder):
    tasks = labelled(described())
    assert experiment_of(RunFolder.open(folder.path)) == described().model_copy(update={"tasks": tasks})
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
    for ask in (
        lambda: experiment_of(folder),
        lambda: check_configuration(folder, described(), labelled(described())),
        lambda: load_reader(folder),
    ):
        with pytest.raises(RunError) as caught:
            ask()
        assert str(caught.value).startswith(f"{folder.config}: damaged: {expected}")
        assert "\n" not in str(caught.value)


def test_of_a_list_the_first_item_that_differs_is_told(tmp_path):
    before, other = ({"training": {"stages": [{}, {"epochs": epochs}]}} for epochs in (2, 3))
    folder, experiment = RunFolder(tmp_path / "run"), described(**before)
    claim(folder, experiment, labelled(experiment))
    with pytest.raises(RunError, match=r"\(training.stages.1.epochs: it has 2, asked for 3\)"):
        check_configuration(folder, described(**other), labelled(described(**other)))


@pytest.mark.parametrize(
    ("sections", "difference"),
    [
        ({"name": "other"}, "name: it has 'experiment', asked for 'other'"),
        ({"training": {"epochs": 11}}, "training.epochs: it has 10, asked for 11"),
        ({"training": {"generate_examples": 8}}, "training.generate_examples: it has 256, asked for 8"),
        ({"generation": {"min_length": 2}}, "generation.min_length: it has 1, asked for 2"),
        ({"generation": {"no_repeat_ngram": 0}}, "generation.no_repeat_ngram: it has 3, asked for 0"),
        ({"training": {"log_every": 1, "seed": 5}}, "training.seed: it has 0, asked for 5"),
        ({"tokenizer": {"normalization": "nfkc"}}, "tokenizer.normalization: it has 'none', asked for 'nfkc'"),
    ],
)
def test_another_configuration_is_refused_with_its_first_difference(folder, sections, difference):
    before = folder.config.read_bytes()
    other = described(**sections)
    for ask in (check_configuration, claim):
        with pytest.raises(RunError) as caught:
            ask(folder, other, labelled(other))
        assert str(caught.value) == (
            f"{folder.path}: this run belongs to another configuration ({difference}); "
            "choose another folder by 'run', or another name; '--from' begins there with the weights of this run"
        )
    assert folder.config.read_bytes() == before


def test_other_labels_of_train_are_another_configuration(folder):
    with pytest.raises(RunError, match=r"\(tasks.subject.labels: it has \['travel', 'music'\], asked for \['music',"):
        check_configuration(folder, described(), labelled(described(), LABELS[::-1]))


def test_a_task_more_or_less_is_another_configuration(folder):
    more = described(tasks={name: {"kind": "classification", "source": "articles"} for name in ("subject", "tone")})
    with pytest.raises(RunError, match=r"\(tasks.tone: it has None, asked for \{'kind': 'classification'"):
        check_configuration(folder, more, labelled(more))
    folder.path.joinpath("config.yaml").unlink()
    claim(folder, more, labelled(more))
    with pytest.raises(RunError, match=r"\(tasks.tone: it has \{'kind': 'classification'.*\}, asked for None\)"):
        check_configuration(folder, described(), labelled(described()))


def test_keys_that_leave_the_weights_alone_take_new_values(folder):
    free = {
        "training": {"checkpoint_every": 7, "log_every": 3},
        "generation": {"beams": 9, "length_penalty": 0.5, "early_stopping": False},
        "evaluation": {"batch_size": 5, "bootstrap_samples": 321},
        "cache": {"enabled": False, "folder": "elsewhere", "above": 3.0},
    }
    assert {f"{section}.{key}" for section, keys in free.items() for key in keys} == FREE_KEYS
    before = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    changed = described(**free)
    check_configuration(folder, changed, labelled(changed))
    assert yaml.safe_load(folder.config.read_text(encoding="utf-8")) == before
    claim(folder, changed, labelled(changed))
    expected = {key: {**value, **free[key]} if key in free else value for key, value in before.items()}
    assert yaml.safe_load(folder.config.read_text(encoding="utf-8")) == expected
    assert experiment_of(folder).generation.beams == 9


def test_a_claim_that_changes_nothing_writes_nothing(folder):
    before = folder.config.stat()
    claim(folder, described(), labelled(described()))
    assert (folder.config.stat().st_ino, folder.config.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_a_killed_claim_leaves_is_no_foreign_file_but_all_else_is(tmp_path):
    experiment = described()
    (tmp_path / ".config.01234567-4711-0123456789ab.yaml").write_text("half", encoding="utf-8")
    check_configuration(RunFolder(tmp_path), experiment, labelled(experiment))
    (tmp_path / ".configuration").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        claim(RunFolder(tmp_path), experiment, labelled(experiment))
    assert str(caught.value) == f"{tmp_path}: the folder is not empty and holds no run; choose another by 'run'"
    assert not (tmp_path / "config.yaml").exists()
    (tmp_path / ".configuration").unlink()
    claim(RunFolder(tmp_path), experiment, labelled(experiment))
    assert experiment_of(RunFolder.open(tmp_path)).tasks["subject"].labels == LABELS


def test_a_file_in_the_folder_s_place_stays(tmp_path):
    experiment = described()
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError) as caught:
        claim(RunFolder(tmp_path / "run"), experiment, labelled(experiment))
    assert str(caught.value) == f"{tmp_path}/run: this is a file, not a folder; choose another by 'run'"
    with pytest.raises(RunError) as caught:
        claim(RunFolder(tmp_path / "run" / "deep"), experiment, labelled(experiment))
    expected = f"{tmp_path}/run/deep: '{tmp_path}/run' is a file, not a folder; choose another by 'run'"
    assert str(caught.value) == expected
    assert (tmp_path / "run").read_text(encoding="utf-8") == "mine"
