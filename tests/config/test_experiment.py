import copy

import pytest
import yaml

from tfmtl.config.experiment import parse
from tfmtl.core.errors import ConfigurationError

VALUES = {
    "name": "arxiv",
    "sources": {"papers": {"format": "tsv", "train": "train.tsv", "validation": ["a.tsv", "b*.tsv"]}},
    "tasks": {
        "subject": {"kind": "classification", "source": "papers", "text": "abstract", "labels": ["x", "y"]},
        "title": {"kind": "summarization", "source": "papers", "text": "abstract", "summary": "title"},
        "similar": {"kind": "regression", "source": "papers", "text": "a", "text_pair": "b"},
        "sst2": {"preset": "glue/sst2", "source": {"data_dir": "prepared"}},
    },
    "model": {"decoder": {"layers": 1, "copy": False}},
    "training": {"epochs": 3},
}


def changed(path, value):
    values = copy.deepcopy(VALUES)
    place = values
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = value
    return values


def message(values):
    with pytest.raises(ConfigurationError) as caught:
        parse(values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults_fill_what_is_not_given():
    experiment = parse(VALUES)
    assert experiment.training.epochs == 3
    assert experiment.training.batch_size == 32
    assert experiment.tokenizer.name == "sentencepiece"
    assert experiment.model.encoder.name == "transformer"
    assert experiment.model.decoder.copy_source is False
    assert experiment.balancing.name == "fixed"
    assert experiment.mixing.name == "proportional"


def test_tasks_are_typed_by_their_kind_and_know_their_names():
    tasks = parse(VALUES).tasks
    assert [(task.name, task.kind) for task in tasks.values()] == [
        ("subject", "classification"),
        ("title", "summarization"),
        ("similar", "regression"),
        ("sst2", "classification"),
    ]


def test_a_resolved_experiment_survives_yaml():
    experiment = parse(VALUES)
    assert parse(yaml.safe_load(experiment.to_yaml())) == experiment


def test_a_preset_brings_its_source_and_takes_overrides():
    experiment = parse(changed(["tasks", "sst2", "label_smoothing"], 0.1))
    assert experiment.sources["glue/sst2"].options.data_dir == "prepared"
    assert experiment.sources["glue/sst2"].options.test == "validation"
    assert experiment.tasks["sst2"].source == "glue/sst2"
    assert experiment.tasks["sst2"].label_smoothing == 0.1


def test_a_preset_reads_another_source_by_name_or_by_format():
    assert "glue/sst2" not in parse(changed(["tasks", "sst2", "source"], "papers")).sources
    files = {"format": "jsonl", "train": "a.jsonl"}
    experiment = parse(changed(["tasks", "sst2", "source"], files))
    assert experiment.sources["glue/sst2"].name == "jsonl"
    assert experiment.sources["glue/sst2"].options.train == ("a.jsonl",)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (["trainig"], {}, "configuration: unknown key 'trainig'; did you mean 'training'? "),
        (["training", "epoch"], 1, "training: unknown key 'epoch'; did you mean 'epochs'? "),
        (["model", "encoder"], {"layer": 1}, "model.encoder: unknown key 'layer'; did you mean 'layers'? "),
        (["tasks", "title", "sumary"], "x", "tasks.title: unknown key 'sumary'; did you mean 'summary'? "),
        (["sources", "papers", "tran"], "x", "sources.papers: unknown key 'tran'; did you mean 'train'? "),
        (
            ["tasks", "title", "kind"],
            "sumarization",
            "tasks.title.kind: unknown task kind 'sumarization'; did you mean 'sum",
        ),
        (
            ["tasks", "sst2", "preset"],
            "glue/sst",
            "tasks.sst2.preset: unknown task preset 'glue/sst'; did you mean 'glue/",
        ),
        (["tasks", "sst2", "source"], ["x"], "tasks.sst2.source: expected a name, or keys and values, found ['x']"),
        (["tasks", "title", "source"], "paper", "tasks.title.source: unknown source 'paper'; did you mean 'papers'? "),
        (
            ["sources", "papers", "format"],
            "tvs",
            "sources.papers.format: unknown source format 'tvs'; did you mean 'tsv'",
        ),
        (["sources", "papers"], {"train": "x"}, "sources.papers: the key 'format' is required; known: csv, "),
        (["sources", "papers"], {"format": "tsv"}, "sources.papers.train: this key is required"),
        (["sources"], [1], "sources: expected names and their settings, found [1]"),
        (["sources", "papers"], {"frmat": "tsv"}, "sources.papers: unknown key 'frmat'; did you mean 'format'?"),
        (["sources", "papers"], 3, "sources.papers: expected keys and values, found 3"),
        (
            ["sources", "papers"],
            {"format": "tsv", "trian": "x"},
            "sources.papers: unknown key 'trian'; did you mean 'train'?",
        ),
        (["tasks", "new"], {"source": "papers", "knd": "x"}, "tasks.new: unknown key 'knd'; did you mean 'kind'?"),
        (
            ["tasks", "new"],
            {"source": "papers", "kind": "regression", "nme": "x"},
            "tasks.new: unknown key 'nme'; known: descriptor, instruction, metrics, primary, source, target, text, ",
        ),
        (["tasks", "new"], {"source": "papers"}, "tasks.new: one of the keys 'kind' and 'preset' is required; known: "),
        (["tasks", "sst2", "name"], "other", "tasks.sst2: unknown key 'name'; a task's name is the key of its section"),
        (
            ["tasks", "bad-name"],
            {"preset": "samsum"},
            "tasks.bad-name: this cannot be the name of a task: letters, digits and _, a letter first",
        ),
        (
            ["tasks", "classify"],
            {"preset": "samsum"},
            "tasks.classify: this cannot be the name of a task: it is taken by the model itself",
        ),
        (["tasks"], {}, "tasks: "),
        (["training", "epochs"], -1, "training.epochs: input should be greater than or equal to 0, found -1"),
        (["training", "strategy"], "tpus", "training.strategy: expected 'auto', "),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(path, value, expected):
    assert message(changed(path, value)).startswith(expected)


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ({"gaps": {"kind": "denoising"}}, "tasks: all of them are auxiliary"),
        ({"topic": {}, "gaps": {"kind": "denoising", "decoder": "topic"}}, "no task 'topic' with a decoder"),
        (
            {"topic": {}, "gaps": {"kind": "denoising", "objective": "pieces", "decoder": "x"}},
            "a decoder writes spans",
        ),
        ({"topic": {}, "gaps": {"kind": "denoising", "text_pair": "other"}}, "a denoising task reads one text"),
    ],
)
def test_gaps_need_another_task_and_a_decoder_that_there_is(tasks, expected):
    plain = {"kind": "classification", "source": "papers"}
    found = message({**VALUES, "tasks": {name: {**plain, **task} for name, task in tasks.items()}})
    assert expected in found


STAGED = {
    **VALUES,
    "tasks": {
        "subject": VALUES["tasks"]["subject"],
        "gaps": {"kind": "denoising", "source": "papers", "text": "abstract", "objective": "pieces"},
    },
}


def test_a_stage_is_what_the_training_says_where_it_says_nothing():
    assert [stage.model_dump() for stage in parse(STAGED).stages] == [
        {"tasks": ["subject", "gaps"], "epochs": 3, "learning_rate": 1e-3, "warmup": 0.1, "decay": "cosine"}
    ]
    stages = [{"tasks": ["gaps"], "epochs": 9, "decay": "linear"}, {"learning_rate": 2e-3, "warmup": 0}]
    experiment = parse({**STAGED, "training": {"epochs": 3, "stages": stages}})
    assert [stage.model_dump() for stage in experiment.stages] == [
        {"tasks": ["gaps"], "epochs": 9, "learning_rate": 1e-3, "warmup": 0.1, "decay": "linear"},
        {"tasks": ["subject", "gaps"], "epochs": 3, "learning_rate": 2e-3, "warmup": 0.0, "decay": "cosine"},
    ]
    assert parse(yaml.safe_load(experiment.to_yaml())) == experiment


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (
            [{"tasks": ["gap"]}, {"tasks": ["subject"]}],
            "training.stages.0.tasks: unknown task 'gap'; did you mean 'gaps'?",
        ),
        ([{"tasks": ["gaps", "gaps"]}, {}], "training.stages.0.tasks: the task 'gaps' appears twice"),
        ([None], "training.stages.0: expected keys and values, found None"),
        ([{"tasks": []}], "training.stages.0.tasks: "),
        ([{"epochs": -1}], "training.stages.0.epochs: "),
        (
            [{"tasks": ["subject"]}, {"tasks": ["gaps"]}],
            "training.stages.1.tasks: the last stage trains every task that is answered; add 'subject'",
        ),
    ],
)
def test_a_stage_that_cannot_be_is_told(stages, expected):
    assert message({**STAGED, "training": {"stages": stages}}).startswith(expected)


def test_two_tasks_cannot_read_one_preset_with_other_settings():
    values = changed(["tasks", "again"], {"preset": "glue/sst2", "source": {"data_dir": "elsewhere"}})
    assert message(values) == "tasks.again.source: another task reads the preset 'glue/sst2' with other settings"


def leaves(values, path=()):
    for key, value in values.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))


@pytest.mark.parametrize("path", list(leaves(VALUES)), ids=".".join)
def test_whatever_stands_at_a_key_is_understood_or_refused_in_one_line(path):
    for value in [None, -1, 2.5, True, "", "text", float("nan")]:
        try:
            parse(changed(path, value))
        except ConfigurationError as error:
            assert "\n" not in str(error)


ONE_TASK = {"topic": {"kind": "classification"}}


@pytest.mark.parametrize(
    ("train", "form"),
    [
        ("a.csv", "csv"),
        ("a.tsv.gz", "tsv"),
        (["a.jsonl", "b.jsonl.gz"], "jsonl"),
        ("a.ndjson", "jsonl"),
        ("~/a/*.json", "json"),
        ("a.parquet", "parquet"),
    ],
)
def test_a_format_follows_from_file_names_and_the_only_source_need_not_be_named(train, form):
    experiment = parse({"sources": {"s": {"train": train}}, "tasks": ONE_TASK})
    assert experiment.sources["s"].name == form and experiment.tasks["topic"].source == "s"
    assert parse(experiment.as_mapping()) == experiment


@pytest.mark.parametrize("train", ["a.txt", ["a.csv", "b.tsv"], 3, [], None])
def test_a_format_that_does_not_follow_is_required(train):
    with pytest.raises(ConfigurationError, match=r"^sources\.s: the key 'format' is required"):
        parse({"sources": {"s": {"train": train}}, "tasks": ONE_TASK})


def test_of_several_sources_a_task_names_one():
    with pytest.raises(ConfigurationError, match=r"^tasks\.topic\.source: this key is required"):
        parse({"sources": {"s": {"train": "a.csv"}, "t": {"train": "b.csv"}}, "tasks": ONE_TASK})


@pytest.mark.parametrize(
    ("values", "meant"),
    [
        ({"sources": {"s": {"train": "a.csv", "dev": "b.csv"}}}, "'dev'; did you mean 'validation'?"),
        ({"tasks": {"t": {"kind": "summarization", "target": "x"}}}, "'target'; did you mean 'summary'?"),
        ({"tasks": {"t": {"kind": "summarization", "max_len": 3}}}, "'max_len'; did you mean 'max_length'?"),
        ({"training": {"lr": 0.1}}, "'lr'; did you mean 'learning_rate'?"),
        ({"model": {"encoder": {"num_layers": 3}}}, "'num_layers'; did you mean 'layers'?"),
    ],
)
def test_keys_of_other_tools_are_understood(values, meant):
    with pytest.raises(ConfigurationError) as caught:
        parse({"sources": {"s": {"train": "a.csv"}}, "tasks": ONE_TASK, **values})
    assert f"unknown key {meant}" in str(caught.value)
