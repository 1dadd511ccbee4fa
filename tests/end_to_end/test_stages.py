"""Two stages: gaps first, by a summary's decoder and by the trunk alone, then what is asked, and its relations."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

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
            # As where relations are measured.
            "strategy": "none",
            "stages": [
                {"tasks": ["gaps", "hidden"], "epochs": 2},
                {"tasks": ["subject", "title"], "epochs": 1, "learning_rate": 0.003},
            ],
        },
    )


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return stopped.value.code or 0


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


def assert_relations_are_those_of(tasks: list[str], folder: Path) -> None:
    found = json.loads((folder / "affinity.json").read_text())
    assert found["tasks"] == tasks
    for task in range(len(tasks)):
        # A step for a task lowers its own loss.
        assert found["affinity"][task][task] > 0 and found["cosine"][task][task] == pytest.approx(1.0, abs=1e-6)
    assert sorted(task for group in found["groups"] for task in group) == sorted(tasks)
    assert (folder / "affinity.png").is_file() and (folder / "affinity.md").is_file()


@pytest.mark.slow
def test_each_stage_trains_its_tasks_and_the_last_is_what_is_asked_and_measured(config, tmp_path, capsys):
    assert run("affinity", config, "--run", tmp_path / "run", "--every", "4") == 0
    # 480 articles in batches of 32: fifteen updates, of which the fourth, the eighth and the twelfth are measured.
    assert "Means of 3 measurements" in capsys.readouterr().out
    trained = RunFolder(tmp_path / "run")
    assert_relations_are_those_of(["subject", "title"], trained.path)
    assert run("affinity", config, "--run", trained.path, "--every", "5") == 2
    assert "measured every 4 updates, asked for every 5" in capsys.readouterr().err
    first, last = trained.stages
    begun, ended = rows(first)
    losses = {"loss", "gaps_loss", "hidden_loss"}
    assert begun.keys() == {"epoch", "learning_rate", *losses, *(f"val_{name}" for name in losses)}
    assert all(0 < float(ended[f"val_{name}"]) < float(begun[f"val_{name}"]) for name in losses)
    (row,) = rows(last)
    assert float(row["val_subject_loss"]) > 0 and "gaps_loss" not in row
    scores = [float(row[f"val_{name}"]) for name in ("subject_accuracy", "title_rougeL")]
    assert float(row["val_score"]) == pytest.approx(np.mean(scores))
    assert set(tfmtl.evaluate(trained)["tasks"]) == {"subject", "title"}
    # Nothing decays, so that what a stage does not train stays what it was; summaries and spans share a decoder.
    model = keras.models.load_model(trained.best_model)
    assert set(model.network.layers.decoders) == {"title", "hidden"}
    layers = {layer.name for layer in model.layers}
    assert {"title_decoder", "hidden_decoder"} <= layers and "gaps_decoder" not in layers
    guesser = weights(trained, lambda layers: [layers.decoders["hidden"]])
    for value, before in zip(*guesser, strict=True):
        np.testing.assert_array_equal(value, before)
    trunks = weights(trained, lambda layers: [layers.sharing.trunk, layers.decoders["title"]])
    assert max(float(np.abs(value - before).max()) for value, before in zip(*trunks, strict=True)) > 1e-3

    # A process that died when the first stage was over; it goes on without measuring, which changes nothing.
    died = RunFolder(tmp_path / "died")
    shutil.copytree(trained.path, died.path)
    shutil.rmtree(died.checkpoints)
    assert run("train", config, "--run", died.path) == 0
    found, expected = (Checkpoints(of.checkpoints).latest() for of in (died, trained))
    assert found.state == expected.state
    for value, reference in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(value, reference)
