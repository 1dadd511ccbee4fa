"""The ready experiments: each parses, and where its data is, each names columns that are there."""

from pathlib import Path

import numpy as np
import pytest

from tfmtl.adaptation.experiment import adapted_experiment
from tfmtl.config.adaptation import load_adaptation
from tfmtl.config.experiment import parse
from tfmtl.config.yaml_file import load_experiment
from tfmtl.core.registry import SOURCES
from tfmtl.data.columns import DenseColumn
from tfmtl.data.splits import read_splits
from tfmtl.data.tables import Slice
from tfmtl.models.build import build_model

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
PRETRAINED = sorted((ROOT / "configs" / "pretrained").glob("*.yaml"))
COMPARED = sorted((ROOT / "configs" / "experiment").glob("*.yaml"))
ADAPTED = sorted((ROOT / "configs" / "adapt").glob("*.yaml"))
DENOISING = sorted((ROOT / "configs" / "experiment" / "denoising").glob("*.yaml"))
TASK_SETS = ("arxiv", "fdu_mtl", "glue_samsum")
SYSTEMS = ("multi_task", "gpt", "bert", "bilstm_attention")


@pytest.mark.parametrize("path", CONFIGS + PRETRAINED + COMPARED + DENOISING, ids=lambda path: path.stem)
def test_it_parses_and_is_named_after_its_file(path):
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    assert parse(experiment.as_mapping()) == experiment


@pytest.mark.parametrize("path", ADAPTED, ids=lambda path: path.stem)
def test_an_adaptation_parses_and_is_named_after_its_file(path, experiment):
    adaptation = load_adaptation(path)
    assert adaptation.name == path.stem
    adapted = adapted_experiment(experiment, "runs/tiny", adaptation)
    assert parse(adapted.as_mapping()) == adapted
    assert [*adapted.tasks][: len(experiment.tasks)] == [*experiment.tasks]


@pytest.mark.parametrize("path", CONFIGS + PRETRAINED + COMPARED + DENOISING + ADAPTED, ids=lambda path: path.stem)
def test_a_comment_says_what_it_is(path):
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.data
@pytest.mark.parametrize("path", [path for path in CONFIGS + PRETRAINED if path.stem != "pydocs"], ids=lambda p: p.stem)
def test_its_test_rows_are_where_it_says(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    if not Path("../shared/data").is_dir():
        pytest.skip("the datasets are not here")
    experiment = load_experiment(path)
    for task in experiment.tasks.values():
        choice = experiment.sources[task.source]
        source = SOURCES.get(choice.name).build(choice.options)
        fields = list(task.fields)
        rows = read_splits(source, task.source, ["test"], fields, seed=0)["test"]
        assert len(rows) and set(rows.columns) == set(fields)


def test_every_system_stands_there_for_every_set_of_tasks():
    assert {path.stem for path in COMPARED} == {f"{tasks}_{system}" for tasks in TASK_SETS for system in SYSTEMS}


@pytest.mark.parametrize("name", TASK_SETS)
def test_compared_systems_have_the_same_tasks_and_as_many_updates(name):
    experiments = [load_experiment(path) for path in COMPARED if path.stem.startswith(name)]
    assert len({tuple(experiment.stages[-1].tasks) for experiment in experiments}) == 1
    assert len({sum(stage.epochs for stage in experiment.stages) for experiment in experiments}) == 1
    assert len({experiment.training.batch_size for experiment in experiments}) == 1


@pytest.mark.parametrize("path", DENOISING, ids=lambda path: path.stem)
def test_denoising_takes_no_epoch_of_the_tasks(path):
    denoised = load_experiment(path)
    without = load_experiment(ROOT / "configs" / "experiment" / f"{path.stem.rpartition('_')[0]}_multi_task.yaml")
    added = denoised.tasks.keys() - without.tasks.keys()
    assert {denoised.tasks[name].kind for name in added} == {"denoising"}
    *first, last = denoised.stages
    assert [set(stage.tasks) for stage in first] == ([] if path.stem.endswith("_auxiliary") else [added])
    assert set(last.tasks) - added == set(without.tasks)
    assert last.epochs == without.training.epochs


@pytest.mark.parametrize("name", ["arxiv", *(pytest.param(name, marks=pytest.mark.large) for name in TASK_SETS[1:])])
def test_compared_systems_have_as_many_parameters_within_a_tenth(name):
    counts = [parameters(load_experiment(path)) for path in COMPARED if path.stem.startswith(name)]
    assert max(counts) < 1.1 * min(counts)


def parameters(experiment):
    tasks = {}
    for task in experiment.tasks.values():
        classes = 8 if task.name == "subject" else 2
        unknown = task.kind == "classification" and not task.labels
        tasks[task.name] = task.model_copy(update={"labels": tuple(map(str, range(classes)))}) if unknown else task
    heads = [name for name, task in tasks.items() if task.kind in ("classification", "regression")]
    rows = Slice("tokens", tuple(heads), tuple(name for name in tasks if name not in heads))
    columns = {name: DenseColumn(np.array([1.0, 2.0])) for name in heads}
    vocabulary_size = experiment.tokenizer.options.vocabulary_size
    return build_model(experiment.model, tasks, [rows], columns, vocabulary_size, "float32").count_params()
