"""Encoders of our own through the command line, each with every kind of task that has an answer."""

import json

import pytest

from tfmtl.cli import main

TEXTS = ["some old melodic window near the river", "many stormy garden under long violin"]
PAIR = {"text": "good good old", "text_pair": "good with many"}


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["gpt", "bilstm_attention"])
def test_it_is_trained_evaluated_exported_and_asked(encoder, configure, tmp_path, capsys):
    options = {"type": encoder, "layers": 1, "hidden": 32, "max_length": 48}
    config = configure(model={"encoder": None}, training={"epochs": 1})
    run("train", config, "--run", tmp_path / "run", "--set", f"model.encoder={json.dumps(options)}")
    run("evaluate", tmp_path / "run")
    evaluation = json.loads((tmp_path / "run" / "evaluation_test.json").read_text())
    assert {name: metrics["examples"] for name, metrics in evaluation["tasks"].items()} == {
        "subject": 64,
        "title": 64,
        "goodness": 16,
    }
    run("export", tmp_path / "run", "--to", tmp_path / "export")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in [*({"text": text} for text in TEXTS), PAIR]))
    answers = {}
    for asked in ("run", "export"):
        capsys.readouterr()
        run("predict", tmp_path / asked, "--input", rows)
        answers[asked] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for ours, exported in zip(answers["run"], answers["export"], strict=True):
        assert ours.keys() == exported.keys()
        if "subject" in ours:
            assert exported["title"] == ours["title"]
            assert exported["subject"]["probabilities"] == pytest.approx(ours["subject"]["probabilities"], abs=1e-4)
            assert sum(exported["subject"]["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert answers["export"][2]["goodness"] == pytest.approx(answers["run"][2]["goodness"], abs=1e-4)
