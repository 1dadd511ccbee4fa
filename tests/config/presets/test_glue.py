from pathlib import Path

import pytest

from tfmtl.config.experiment import parse
from tfmtl.core.registry import METRICS, PRESETS
from tfmtl.data.streams import load_streams

DATA = Path("../shared/data/tfds")
NAMES = ("cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli")
PRIMARY = {"cola": "matthews", "mrpc": "f1", "qqp": "f1", "stsb": "spearman"}


def experiment(*names, **source):
    return parse({"tasks": {name: {"preset": f"glue/{name}", "source": source} for name in names}})


def test_there_are_the_nine_tasks():
    assert {entry.name for entry in PRESETS if entry.name.startswith("glue/")} == {f"glue/{name}" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_official_metric_chooses_the_best_checkpoint(name):
    task = experiment(name).tasks[name]
    assert task.primary == PRIMARY.get(name, "accuracy")
    assert set(task.all_metrics) <= {metric.name for metric in METRICS}


@pytest.mark.parametrize("name", ["mrpc", "qqp"])
def test_paraphrase_tasks_report_accuracy_and_f1_of_the_positive_class(name):
    task = experiment(name).tasks[name]
    assert {"accuracy", "f1"} <= set(task.all_metrics)
    assert task.labels[1] in ("equivalent", "duplicate")


@pytest.mark.parametrize("name", NAMES)
def test_test_is_the_official_development_set_and_validation_is_cut_from_train(name):
    options = experiment(name).sources[f"glue/{name}"].options
    assert (options.train, options.validation) == ("train", None)
    assert options.test == ("validation_matched" if name == "mnli" else "validation")


def test_mnli_has_its_mismatched_split_beside():
    assert experiment("mnli").sources["glue/mnli"].options.splits == {"mismatched": "validation_mismatched"}


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the dataset is not here")
def test_two_of_them_as_published():
    streams, _ = load_streams(experiment("rte", "stsb", data_dir=str(DATA)))
    rte, stsb = (stream.splits for stream in streams)
    assert (len(rte["train"]) + len(rte["validation"]), len(rte["test"])) == (2490, 277)
    assert (len(stsb["train"]) + len(stsb["validation"]), len(stsb["test"])) == (5749, 1500)
    # RTE's development set has 146 entailments (its majority class: 52.7 %).
    assert (rte["test"].targets["rte"] == 0).sum() == 146
    assert 0 <= stsb["test"].targets["stsb"].min() < stsb["test"].targets["stsb"].max() == 5
