import pytest
import yaml

from tfmtl.api import compare as comparison
from tfmtl.api.compare import train_systems
from tfmtl.core.errors import ConfigurationError, DataError, RunError, UserError


@pytest.fixture
def configuration(tmp_path, monkeypatch):
    """Writes the configuration of a task that nothing trains."""
    monkeypatch.setattr(comparison, "train", lambda experiment: pytest.fail("a training began"))
    train = tmp_path / "train.tsv"
    train.write_text("text\tlabel\n" + "a b\tx\nc d\ty\n" * 20)

    def write(name, **source):
        source = {"format": "tsv", "train": str(train), **source}
        tasks = {"topic": {"kind": "classification", "source": "tickets"}}
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"name": name, "sources": {"tickets": source}, "tasks": tasks}))
        return path

    write.train = train
    return write


def test_seeds_that_would_be_tested_on_other_rows_are_refused_before_any_training(configuration):
    with pytest.raises(UserError, match="source 'tickets' has no test split of its own"):
        train_systems([configuration("a")], seeds=(0, 1))


@pytest.mark.parametrize("split", ["validation", "train"])
def test_so_are_they_on_another_split_that_each_seed_cuts(configuration, split):
    path = configuration("a", test=str(configuration.train))
    with pytest.raises(UserError, match=f"source 'tickets' has no {split} split of its own"):
        train_systems([path], seeds=(0, 1), split=split)


@pytest.mark.parametrize(
    ("split", "own"), [("test", ["test"]), ("validation", ["validation"]), ("train", ["test", "validation"])]
)
def test_seeds_are_compared_on_rows_that_none_of_them_cuts(configuration, split, own):
    path = configuration("a", **dict.fromkeys(own, str(configuration.train)))
    with pytest.raises(pytest.fail.Exception, match="a training began"):
        train_systems([path], seeds=(0, 1), split=split)


def test_a_split_that_there_is_not_is_told_before_any_training(configuration):
    with pytest.raises(DataError, match="no source of this experiment has a split 'tset'; did you mean 'test'"):
        train_systems([configuration("a"), configuration("b")], split="tset")


def test_another_source_is_told_before_any_training(configuration, tmp_path):
    other = tmp_path / "other.tsv"
    other.write_text("text\tlabel\na\tx\n")
    paths = [configuration("a"), configuration("b", test=str(other))]
    with pytest.raises(RunError, match="b: task 'topic' reads another source than in runs/a"):
        train_systems(paths)


def test_the_same_run_twice_is_told_before_any_training(configuration):
    with pytest.raises(UserError, match="runs/a appears twice"):
        train_systems([configuration("a")] * 2)


def test_a_missing_experiment_is_told_as_a_file(configuration, tmp_path):
    configuration("abc")
    with pytest.raises(ConfigurationError, match=r"abd.yaml: there is no such file; did you mean '.*abc.yaml'"):
        train_systems([tmp_path / "abd.yaml", configuration("b")], seeds=(0,))
