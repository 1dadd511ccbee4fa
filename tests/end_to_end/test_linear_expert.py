"""A linear expert knows a rule of words that the network beside it has had no time to learn."""

import json

import pytest
import tensorflow as tf

from tfmtl.cli import main

TEXTS = ["some old melodic window near the river", "many stormy garden under long violin", "the distant planet"]


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


def test_it_answers_in_the_run_and_in_its_export(configure, tmp_path, capsys):
    config = configure(
        tasks={"title": None, "goodness": None},
        model={"linear_expert": {"buckets": 1000}},
        training={"epochs": 1, "learning_rate": 1e-6},
    )
    run("train", config, "--run", tmp_path / "run")
    run("evaluate", tmp_path / "run")
    evaluation = json.loads((tmp_path / "run" / "evaluation_test.json").read_text())
    assert evaluation["tasks"]["subject"]["accuracy"] == 1.0
    run("export", tmp_path / "run", "--to", tmp_path / "export")
    capsys.readouterr()
    run("predict", tmp_path / "run", *TEXTS)
    answers = [json.loads(line)["subject"] for line in capsys.readouterr().out.splitlines()]
    assert [answer["label"] for answer in answers] == ["music", "weather", "travel"]
    # What serves the export knows nothing of this package.
    loaded = tf.saved_model.load(tmp_path / "export" / "1")
    served = loaded.signatures["serving_default"](text=tf.constant(TEXTS))
    for answer, probabilities in zip(answers, served["subject_probabilities"].numpy(), strict=True):
        assert list(answer["probabilities"].values()) == pytest.approx(probabilities.tolist(), abs=1e-4)
