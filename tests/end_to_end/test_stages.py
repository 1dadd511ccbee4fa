"""A training in two stages: gaps first, by a summary's decoder and by the trunk alone, then what is asked."""

import csv
import shutil
from collections.abc import Callable

import keras
import numpy as np
import pytest

import tfmtl
from tfmtl.cli import main
from tfmtl.models.network import Layers
from tfmtl.runs.checkpoints import Checkpoints
from tfmtl.runs.run_folder import RunFolder


@pytest.fixture
def config(configure):
    return configure(
        sources={"pairs": None},
        tasks={
            "goodness": None,
            "gaps": {"kind": "denoising", "source": "articles", "noise_density": 0.2, "decoder": "title"},
            "hidden": {"kind": "denoising", "source": "articles", "objective": "pieces"},
        },
        model={"encoder": {"dropout": 0.1}},
        training={
            "checkpoint_every": 10,
            "weight_decay": 0.0,
            "stages": [
                {"tasks": ["gaps", "hidden"], "epochs": 2},
                {"tasks": ["subject", "title"], "epochs": 1, "learning_rate": 0.003},
            ],
        },
    )


def train(config, folder) -> RunFolder:
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(folder)])
    assert not stopped.value.code
    return RunFolder(folder)


def weights(run: RunFolder, parts: Callable[[Layers], list[keras.layers.Layer]]) -> list[list[np.ndarray]]:
    """Returns the weights of parts of the network, at the end of each stage."""
    model = keras.models.load_model(run.best_model)
    layers = parts(model.network.layers)
    of_stages = []
    for stage in run.stages:
        for variable, value in zip(model.variables, Checkpoints(stage.checkpoints).latest().variables, strict=False):
            variable.assign(value)
        of_stages.append([value for layer in layers for value in layer.get_weights()])
    return of_stages


def rows(run: RunFolder) -> list[dict[str, str]]:
    with open(run.history, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_each_stage_trains_its_tasks_and_the_last_is_what_is_asked(config, tmp_path):
    run = train(config, tmp_path / "run")
    first, last = run.stages
    begun, ended = rows(first)
    losses = {"loss", "gaps_loss", "hidden_loss"}
    assert begun.keys() == {"epoch", "learning_rate", *losses, *(f"val_{name}" for name in losses)}
    assert all(0 < float(ended[f"val_{name}"]) < float(begun[f"val_{name}"]) for name in losses)
    (row,) = rows(last)
    assert float(row["val_subject_loss"]) > 0 and "gaps_loss" not in row
    scores = [float(row[f"val_{name}"]) for name in ("subject_accuracy", "title_rougeL")]
    assert float(row["val_score"]) == pytest.approx(np.mean(scores))
    assert set(tfmtl.evaluate(run)["tasks"]) == {"subject", "title"}
    # Nothing decays, so that what a stage does not train stays what it was; summaries and spans share a decoder.
    model = keras.models.load_model(run.best_model)
    assert set(model.network.layers.decoders) == {"title", "hidden"}
    layers = {layer.name for layer in model.layers}
    assert {"title_decoder", "hidden_decoder"} <= layers and "gaps_decoder" not in layers
    guesser = weights(run, lambda layers: [layers.decoders["hidden"]])
    for value, before in zip(*guesser, strict=True):
        np.testing.assert_array_equal(value, before)
    trunks = weights(run, lambda layers: [layers.sharing.trunk, layers.decoders["title"]])
    assert max(float(np.abs(value - before).max()) for value, before in zip(*trunks, strict=True)) > 1e-3

    # A process that died when the first stage was over.
    died = tmp_path / "died"
    shutil.copytree(run.path, died)
    shutil.rmtree(died / "checkpoints")
    found, expected = (Checkpoints(train(config, died).checkpoints).latest(), Checkpoints(run.checkpoints).latest())
    assert found.state == expected.state
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)
