import shutil

import pytest

from tests.runs.described import described, labelled
from tfmtl.runs.identity import claim
from tfmtl.runs.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    """A run of `described()` that has just been claimed."""
    made = RunFolder(tmp_path / "run")
    claim(made, described(), labelled(described()))
    return made


@pytest.fixture(scope="module")
def finished(make_experiment, data, model, tmp_path_factory):
    """A run with a best model."""
    made = RunFolder(tmp_path_factory.mktemp("runs") / "tiny")
    claim(made, make_experiment(generation={"beams": 2, "no_repeat_ngram": 2}), data.tasks)
    data.tokenizer.save(made.tokenizer)
    made.checkpoints.mkdir()
    model.save(made.best_model)
    return made


@pytest.fixture
def copied(finished, tmp_path):
    return RunFolder(shutil.copytree(finished.path, tmp_path / "copy"))
