"""The tutorial runs as it stands, and the plain path is the same training as that of a configuration."""

import re
from pathlib import Path

import numpy as np
import pytest

import tfmtl
from tfmtl.runs.loading import load_reader

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """What the tutorial's code leaves: its names, and its folder."""
    folder = tmp_path_factory.mktemp("tutorial")
    code = re.findall(r"^```python\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    names: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in code:
            exec(block, names)
    return names, folder


def test_it_learns_what_is_easy(done):
    names, _ = done
    assert names["metrics"]["label"]["accuracy"] == 1.0 and names["metrics"]["summary"]["rougeL"] > 0.9
    assert len(names["history"]["val_label_accuracy"]) == 10


def test_the_sizes_are_those_that_were_asked_for(done):
    layers = done[0]["model"].network.layers
    assert layers.embedding.output_dim == 128
    assert layers.sharing.trunk.options.hidden == 128


def test_the_model_has_the_weights_of_its_best_epoch(done):
    names, folder = done
    best = load_reader(tfmtl.RunFolder.open(folder / "runs" / "tickets")).model.get_weights()
    for value, expected in zip(names["model"].get_weights(), best, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_what_does_not_fit_is_told(tmp_path):
    with pytest.raises(tfmtl.ConfigurationError, match="expected a training file that ends in csv, tsv, jsonl, json"):
        tfmtl.preprocess_data(tmp_path / "tickets.xlsx")
    with pytest.raises(tfmtl.UserError, match=r"tickets.csv"):
        tfmtl.preprocess_data(tmp_path / "tickets.csv")
