import pytest
import yaml

from tests.config.test_experiment import VALUES
from tfmtl.config.experiment import parse
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.errors import ConfigurationError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my_experiment.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in VALUES.items() if key != "name"}))
    return path


def test_a_file_names_its_experiment(file):
    assert load_experiment(file).name == "my_experiment"


def test_settings_override_the_file(file):
    settings = ["training.epochs=2", "training.learning_rate=1.0e-2", "tasks.title.max_length=9", "name=other"]
    experiment = load_experiment(file, settings)
    assert experiment.training.epochs == 2
    assert experiment.training.learning_rate == 0.01
    assert experiment.tasks["title"].max_length == 9
    assert experiment.name == "other"


def test_a_setting_of_null_takes_a_section_away(file):
    experiment = load_experiment(file, ["tasks.title=null", "training=null"])
    assert set(experiment.tasks) == VALUES["tasks"].keys() - {"title"}
    assert experiment.training == parse({key: VALUES[key] for key in VALUES if key != "training"}).training


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("training.epochs", "--set training.epochs: expected KEY=VALUE"),
        ("=3", "--set =3: expected KEY=VALUE"),
        ("training.epochs=[", "--set training.epochs=[: the value is not YAML"),
        ("training.epochs.x=1", "--set training.epochs.x=1: 'epochs' holds a value, not keys"),
        ("training.epoch=1", "--set training.epoch=1: training: unknown key 'epoch'; did you mean 'epochs'? "),
        ("training.epochs=-1", "--set training.epochs=-1: training.epochs: "),
        ("training=5", "--set training=5: training: "),
        ("model.encoder.type=lstm", "--set model.encoder.type=lstm: model.encoder"),
    ],
)
def test_a_wrong_setting_is_one_line(file, setting, expected):
    with pytest.raises(ConfigurationError) as caught:
        load_experiment(file, [setting])
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"tasks: [", "not YAML: line 1, column 9: "),
        (b"tasks: {1: {}, true: {}}", "not YAML: line 1, column 8: two keys mean the same; quote one"),
        (b"? [a, b]\n: c\n", "not YAML: line 1, column 3: found unhashable key"),
        (b"[" * 3000, "not YAML: maximum recursion depth exceeded"),
        (b"tasks:\n  a: {kind: x}\n  a: {}\n", "not YAML: line 3, column 3: the key 'a' appears twice"),
        (b"just text", "expected keys and values, found str"),
        (b"", "this file has no content; a configuration has at least 'tasks'"),
        (b"name: \xff", "cannot be read"),
    ],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, expected):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_experiment(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml: there is no such file$"):
        load_experiment(tmp_path / "none.yaml")


def test_a_file_s_name_becomes_a_name_of_a_run(tmp_path):
    path = tmp_path / "my first experiment.yaml"
    path.write_text(
        "sources: {s: {format: csv, train: a.csv}}\ntasks: {t: {kind: classification, source: s}}\n", encoding="utf-8"
    )
    assert load_experiment(path).name == "my-first-experiment"


def test_a_key_that_stands_twice_in_a_setting_is_told():
    with pytest.raises(ConfigurationError, match="the key 'epochs' appears twice"):
        load_experiment("configs/pydocs.yaml", ["training={epochs: 1, epochs: 2}"])


BASE = """
name: base
sources: {s: {format: csv, train: a.csv}}
tasks: {t: {kind: classification, source: s}}
model: {encoder: {type: bilstm_attention, hidden: 32, layers: 3}, head_dropout: 0.4}
training: {epochs: 7, batch_size: 8}
"""


def extending(folder, text):
    (folder / "base.yaml").write_text(BASE, encoding="utf-8")
    path = folder / "further" / "other.yaml"
    path.parent.mkdir()
    path.write_text(f"extends: ../base.yaml\n{text}", encoding="utf-8")
    return path


def test_a_file_may_extend_another_whose_name_it_does_not_take(tmp_path):
    path = extending(tmp_path, "training: {epochs: 2}\nmodel: {encoder: {hidden: 16}}\n")
    experiment = load_experiment(path, ["training.batch_size=4"])
    assert experiment.name == "other" and set(experiment.tasks) == {"t"}
    assert (experiment.training.epochs, experiment.training.batch_size) == (2, 4)
    encoder = experiment.model.encoder
    assert (encoder.name, encoder.options.hidden, encoder.options.layers) == ("bilstm_attention", 16, 3)
    assert "extends" not in experiment.as_mapping()


def test_a_section_that_chooses_another_entry_takes_none_of_the_options_of_the_first(tmp_path):
    path = extending(tmp_path, "model: {encoder: {type: transformer, hidden: 64}}\n")
    model = load_experiment(path).model
    default = parse({**yaml.safe_load(BASE), "model": {}}).model.encoder.options
    assert (model.encoder.name, model.encoder.options.hidden) == ("transformer", 64)
    assert model.encoder.options.layers == default.layers and model.head_dropout == 0.4


def test_a_section_that_is_null_is_taken_away(tmp_path):
    path = extending(tmp_path, "tasks: {t: null, u: {kind: regression, source: s, target: y}}\nmodel: null\n")
    experiment = load_experiment(path)
    assert list(experiment.tasks) == ["u"]
    assert experiment.model == parse({**yaml.safe_load(BASE), "model": {}}).model


@pytest.mark.parametrize(
    ("wrong", "text", "place"),
    [
        ("training: {epochs: -7}", "model: {encoder: {hidden: 8}}", "base.yaml: training.epochs: "),
        ("training: {epochs: -7}", "training: {epochs: -1}", "training.epochs: "),
        ("training: {epoch: 7}", "training: {epochs: 2}", "base.yaml: training: unknown key 'epoch'"),
        ("training: {epochs: 7}", "training: {epoch: 2}", "training: unknown key 'epoch'"),
    ],
)
def test_a_mistake_of_the_file_that_is_extended_names_it(tmp_path, wrong, text, place):
    path = extending(tmp_path, text)
    (tmp_path / "base.yaml").write_text(BASE.replace("training: {epochs: 7, batch_size: 8}", wrong), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_experiment(path)
    named = f"{path.parent / '..' / 'base.yaml'}: " if place.startswith("base.yaml") else ""
    assert str(caught.value).startswith(named + place.removeprefix("base.yaml: "))


def test_a_mistake_of_a_setting_is_not_said_of_a_file(tmp_path):
    path = extending(tmp_path, "model: {encoder: {hidden: 8}}")
    with pytest.raises(ConfigurationError, match=r"^--set training.epochs=-1: training.epochs: "):
        load_experiment(path, ["training.batch_size=4", "training.epochs=-1"])
    (tmp_path / "base.yaml").write_text(BASE.replace("epochs: 7", "epochs: -7"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"base.yaml: training.epochs: "):
        load_experiment(path, ["training.batch_size=4"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: zzzzzzzzzzzz\n", "extends: {folder}/zzzzzzzzzzzz: there is no such file"),
        ("extends: own.yaml\n", "extends: 'own.yaml' extends this file in turn"),
        ("extends: [a, b]\n", "extends: expected the path of a file, relative to this one"),
        ("extends: .\n", "extends: {folder}: this is a folder"),
        ("extend: base.yaml\n", "unknown key 'extend'; did you mean 'extends'?"),
    ],
)
def test_a_file_that_cannot_be_extended_is_one_line(tmp_path, text, expected):
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_experiment(path)
    assert str(caught.value) == f"{path}: {expected.format(folder=tmp_path)}"


def test_texts_that_older_yaml_takes_for_something_else_are_texts(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(
        """
sources: {s: {format: csv, quoting: yes, train: t.csv, missing: [no, 2024-01-01]}}
tasks:
  label:
    kind: classification
    source: s
    labels: [no, yes, on, 010, 1:30, 2024-01-01, 1, 2.0, true, "y"]
    class_weights: {no: 2, 2024-01-01: 3, 1: 4, 010: 5, 2.0: 6}
balancing: {method: fixed, weights: {label: 1.5e-1}}
""",
        encoding="utf-8",
    )
    task = load_experiment(path).tasks["label"]
    assert task.labels == ("no", "yes", "on", "010", "1:30", "2024-01-01", "1", "2", "true", "y")
    assert task.class_weights == {"no": 2.0, "2024-01-01": 3.0, "1": 4.0, "010": 5.0, "2": 6.0}
    source = load_experiment(path).sources["s"].options
    assert source.quoting is True and source.missing == ("no", "2024-01-01")
    weights = load_experiment(path).balancing.options.weights
    assert weights == {"label": 0.15}
    chosen = load_experiment(path, ["tasks.label.labels=[off, on]", "tasks.label.class_weights={off: 2}"])
    assert chosen.tasks["label"].labels == ("off", "on") and chosen.tasks["label"].class_weights == {"off": 2.0}
    # What a run keeps is read as it was.
    assert parse(yaml.safe_load(chosen.to_yaml())).tasks["label"] == chosen.tasks["label"]
