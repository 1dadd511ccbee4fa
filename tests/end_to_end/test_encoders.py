"""Encoders of our own through the command line, one of them in half precision, whose losses are scaled."""

import json
import math

import pytest

from tfmtl.cli import main
from tfmtl.runs.checkpoints import Checkpoints

TEXTS = ["some old melodic window near the river", "many stormy garden under long violin"]
PAIR = {"text": "good good old", "text_pair": "good with many"}


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "precision"),
    [
        ("gpt", "mixed_float16"),
        # Its layers, and an export of theirs, are tested in `models/`.
        pytest.param("bilstm_attention", "float32", marks=pytest.mark.large),
    ],
)
def test_it_is_trained_exported_and_asked(encoder, precision, configure, tmp_path, capsys):
    options = {"type": encoder, "layers": 1, "hidden": 32, "max_length": 48}
    config = configure(model={"encoder": None}, training={"epochs": 2, "precision": precision}, generation={"beams": 2})
    run("train", config, "--run", tmp_path / "run", "--set", f"model.encoder={json.dumps(options)}")
    first, last = Checkpoints(tmp_path / "run" / "checkpoints").latest().state["history"]
    assert all(math.isfinite(value) for row in (first, last) for value in row.values())
    for task in ("subject", "title", "goodness"):
        assert last[f"{task}_loss"] < first[f"{task}_loss"]
    # What is exported is compared with the run's own answers.
    run("export", tmp_path / "run", "--to", tmp_path / "export")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in [*({"text": text} for text in TEXTS), PAIR]))
    capsys.readouterr()
    run("predict", tmp_path / "export", "--input", rows)
    *of_texts, of_pair = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.keys() for answer in of_texts] == [{"subject", "title"}] * len(TEXTS)
    for answer in of_texts:
        assert sum(answer["subject"]["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert of_pair.keys() == {"subject", "title", "goodness"} and math.isfinite(of_pair["goodness"]["score"])
