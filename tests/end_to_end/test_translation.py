"""Translations beside labels, a score and a summary of the same texts, over the command line.

A text stands in two fields, one of them in an object; a translation has two references in two fields; a summary has two
lines.
"""

import json
import random
from pathlib import Path

import pytest
import yaml
from sacrebleu.metrics import BLEU, CHRF

import tfmtl
from tfmtl.api.predict import LoadedModel
from tfmtl.cli import main
from tfmtl.runs.loading import load_best_model

ANIMALS = {"dog": "Hund", "cat": "Kater", "horse": "Hengst", "bear": "Bär"}
VERBS = {"sees": "sieht", "follows": "folgt", "finds": "findet"}
THINGS = {"river": "Fluss", "tree": "Baum", "garden": "Garten", "ball": "Ball"}
TIMES = {"at noon": "Mittags", "at night": "Nachts"}
TASKS = {
    "german": {"kind": "translation", "target": ["de", "also"], "max_length": 24},
    "title": {"kind": "summarization", "max_length": 12},
    "animal": {"kind": "classification"},
    "things": {"kind": "multi_label", "labels": "things"},
    "length": {"kind": "regression", "target": "length"},
}
TASKS = {name: {**task, "text": ["time", "caption.en"]} for name, task in TASKS.items()}
ROWS = [
    {"time": "at noon", "caption": {"en": "the dog sees the tree"}},
    {"time": None, "caption": {"en": "the horse finds the ball"}},
    {"time": "", "caption": {"en": ""}},
]
TEXTS = ["at noon\nthe dog sees the tree", "the horse finds the ball", ""]


def run(*arguments) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


def row(generator: random.Random) -> dict:
    time, animal, verb, thing = (generator.choice(sorted(words)) for words in (TIMES, ANIMALS, VERBS, THINGS))
    german = f"{TIMES[time]} {VERBS[verb]} {ANIMALS[animal]} {THINGS[thing]}"
    return {
        "time": time,
        "caption": {"en": f"the {animal} {verb} the {thing}"},
        "de": german,
        # A translation, too, that nobody learns.
        "also": [f"es {german}"],
        "summary": f"- {animal}\n- {verb} ½",
        "label": animal,
        "things": sorted({animal, thing}),
        "length": float(len(animal)),
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The folder of a run that was trained, evaluated and exported over the command line."""
    folder, generator = tmp_path_factory.mktemp("translation"), random.Random(5)
    files = {}
    for split, size in {"train": 320, "validation": 24, "test": 24}.items():
        files[split] = str(folder / f"{split}.jsonl")
        lines = [json.dumps(row(generator)) + "\n" for _ in range(size)]
        Path(files[split]).write_text("".join(lines), encoding="utf-8")
    config = {
        "name": "captions",
        "sources": {"captions": files},
        "tasks": TASKS,
        "tokenizer": {"vocabulary_size": 400},
        "model": {
            "encoder": {"layers": 1, "hidden": 32, "heads": 2, "feedforward": 64, "dropout": 0.0, "max_length": 32},
            "decoder": {"layers": 1},
        },
        "training": {"epochs": 8, "batch_size": 16, "learning_rate": 0.01, "strategy": "none", "generate_examples": 24},
        "generation": {"beams": 1, "no_repeat_ngram": 0},
        "evaluation": {"bootstrap_samples": 100},
    }
    (folder / "captions.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run("train", folder / "captions.yaml", "--run", folder / "run")
    run("evaluate", folder / "run")
    run("export", folder / "run", "--to", folder / "export")
    return folder


@pytest.fixture(scope="module")
def model(trained) -> LoadedModel:
    return tfmtl.load(trained / "run")


@pytest.fixture(scope="module")
def expected(model) -> list[dict]:
    return model.predict(TEXTS)


def test_it_is_learned_and_measured_as_sacrebleu_does(trained):
    metrics = json.loads((trained / "run" / "evaluation_test.json").read_text(encoding="utf-8"))["tasks"]["german"]
    answers = [json.loads(line) for line in (trained / "run" / "answers_test.jsonl").open(encoding="utf-8")]
    written = [answer["prediction"]["translation"] for answer in answers if answer["task"] == "german"]
    references = [answer["target"] for answer in answers if answer["task"] == "german"]
    assert len(written) == 24 and {len(each) for each in references} == {2}
    columns = [list(column) for column in zip(*references, strict=True)]
    assert metrics["chrf"] == pytest.approx(CHRF().corpus_score(written, columns).score / 100)
    assert metrics["bleu"] == pytest.approx(BLEU().corpus_score(written, columns).score / 100)
    assert metrics["tokenization"] == {"chrf": "characters", "bleu": "13a"}
    low, high = metrics["intervals"]["bleu"]
    assert low <= metrics["bleu"] <= high
    assert metrics["chrf"] > 0.8 and metrics["bleu"] > 0.6


def test_only_the_summary_is_copied(trained):
    heads = load_best_model(tfmtl.RunFolder.open(trained / "run")).network.layers.heads
    assert (heads["german"].copy_source, heads["title"].copy_source) == (False, True)


def test_an_export_answers_all_kinds_on_the_command_line_as_its_run(trained, expected, capsys):
    run("predict", trained / "export", *TEXTS)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(answer) for answer in answers] == [set(TASKS)] * 3
    assert [answer["german"] for answer in answers] == [answer["german"] for answer in expected]
    assert answers[0]["german"].keys() == {"translation"}
    # Lines are kept, and so is what NFKC would change.
    assert answers[0]["title"] == {"summary": "- dog\n- sees ½"}
    assert answers[0]["german"]["translation"].startswith("Mittags sieht Hund ")


def test_rows_are_read_by_the_fields_of_the_training(trained, model, expected, capsys):
    (trained / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    run("predict", trained / "export", "--input", trained / "rows.jsonl")
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == expected
    assert model.predict(ROWS) == expected
    rows = [f"{row['time'] or ''},{row['caption']['en']}\n" for row in ROWS]
    (trained / "rows.csv").write_text("".join(["when,what\n", *rows]), encoding="utf-8")
    fields = ("--field", "when", "--field", "what")
    run("predict", trained / "export", "--input", trained / "rows.csv", *fields, "--on-error", "report")
    *answers, empty = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # Of the same rows together: in another batch, numbers differ in their last digits.
    assert answers == model.predict(ROWS[:2])
    # An empty cell of a table is a missing text, as in training.
    assert list(empty) == ["error"] and "rows.csv" in empty["error"]


def test_a_file_is_evaluated_as_the_split_that_it_holds(trained):
    of_split = json.loads((trained / "run" / "evaluation_test.json").read_text(encoding="utf-8"))["tasks"]
    of_file = tfmtl.evaluate(trained / "run", data=trained / "test.jsonl")["tasks"]
    assert of_file == of_split
