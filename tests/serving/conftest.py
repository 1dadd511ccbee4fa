"""A run of the tiny experiment and its export, each made once."""

import pytest

import tfmtl
from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder
from tfmtl.serving.export.export import export_run
from tfmtl.serving.prediction.predictor import open_predictor

ODD_TEXTS = ["", "the cat sleeps", "\U0001f600 \u200d", "a\x00b\r\n\x07", "the dog runs away " * 200]


@pytest.fixture(scope="session")
def run(make_experiment, model, data, tmp_path_factory):
    """A run as a training leaves it, with beam search."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    claim(folder, make_experiment(generation={"beams": 2, "no_repeat_ngram": 2}), data.tasks)
    data.tokenizer.save(folder.tokenizer)
    folder.checkpoints.mkdir()
    model.save(folder.best_model)
    return folder


@pytest.fixture(scope="session")
def export(run, tmp_path_factory):
    """The directory of the run's first version."""
    return export_run(run, tmp_path_factory.mktemp("saved_models") / "tiny")


@pytest.fixture(scope="session")
def light_export(run, tmp_path_factory):
    """The directory of a version without decoders and with the smallest weights, which is loaded in less time."""
    return tfmtl.export(run, tmp_path_factory.mktemp("saved_models") / "tiny", quantize="int8", encoder_only=True)


@pytest.fixture(scope="session")
def run_answerer(run):
    return open_predictor(run.path)


@pytest.fixture(scope="session")
def export_answerer(export):
    return open_predictor(export.parent)


@pytest.fixture(scope="session")
def odd_texts():
    return ODD_TEXTS
