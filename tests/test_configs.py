"""The ready experiments: each parses, and where its data is, each names columns that are there."""

from pathlib import Path

import pytest

from tfmtl.config import parse
from tfmtl.config_file import load_experiment
from tfmtl.data.splits import read_splits
from tfmtl.registry import SOURCES

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_parses_and_is_named_after_its_file(path):
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    assert parse(experiment.as_mapping()) == experiment


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_comment_says_what_it_is(path):
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.data
@pytest.mark.parametrize("path", [path for path in CONFIGS if path.stem != "pydocs"], ids=lambda path: path.stem)
def test_its_test_rows_are_where_it_says(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    if not Path("../shared/data").is_dir():
        pytest.skip("the datasets are not here")
    experiment = load_experiment(path)
    for task in experiment.tasks.values():
        choice = experiment.sources[task.source]
        source = SOURCES.get(choice.name).build(choice.options)
        fields = [field for field in (task.text, task.text_pair, task.target) if field]
        rows = read_splits(source, task.source, ["test"], fields, seed=0)["test"]
        assert len(rows) and set(rows.columns) == set(fields)
