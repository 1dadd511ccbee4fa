"""Gaps that are filled beside the tasks that are asked: by a summary's decoder, and by the trunk alone."""

import csv

import keras
import pytest

import tfmtl
from tfmtl.cli import main


@pytest.mark.slow
def test_it_is_learned_beside_the_others_and_never_answered(configure, tmp_path):
    config = configure(
        tasks={
            "goodness": None,
            "gaps": {"kind": "denoising", "source": "articles", "noise_density": 0.2, "decoder": "title"},
            "hidden": {"kind": "denoising", "source": "articles", "objective": "pieces"},
        },
        training={"epochs": 2},
    )
    folder = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(config), "--run", str(folder)])
    assert not stopped.value.code
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        first, last = csv.DictReader(file)
    for task in ("gaps", "hidden"):
        assert 0 < float(last[f"val_{task}_loss"]) < float(first[f"val_{task}_loss"])
    evaluation = tfmtl.evaluate(folder)
    assert set(evaluation["tasks"]) == {"subject", "title"}
    model = keras.models.load_model(folder / "checkpoints" / "best.keras")
    names = {layer.name for layer in model.layers}
    assert {"title_decoder", "hidden_decoder"} <= names and "gaps_decoder" not in names
