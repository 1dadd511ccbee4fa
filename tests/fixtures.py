"""A tiny experiment on made-up sentences: three streams, two slices, a model of one layer."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.experiment import parse
from tfmtl.data.tokenizers.sentencepiece import SentencePieceOptions, SentencePieceTokenizer
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.strategy import make_strategy
from tfmtl.training.train import compile_model

# Two logical devices must be asked for before TensorFlow runs anything; whatever names no device runs on the first.
_CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(_CPU, [tf.config.LogicalDeviceConfiguration()] * 2)


ANIMALS = {"cats": ["the cat", "a kitten", "her tomcat"], "dogs": ["the dog", "a puppy", "his hound"]}
VERBS = ["sleeps", "eats the fish", "runs away", "waits for the rain", "plays with an old ball"]
PLACES = ["in the garden", "under a chair", "near the river", "behind our house", "on the warm roof of the barn"]


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Returns (label, sentence), of one clause to three."""
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        label = str(generator.choice(list(ANIMALS)))
        clauses = [
            f"{generator.choice(ANIMALS[label])} {generator.choice(VERBS)} {generator.choice(PLACES)}"
            for _ in range(generator.integers(1, 4))
        ]
        rows.append((label, " and ".join(clauses) + "."))
    return rows


def _ticket(row: int, label: str, text: str) -> dict:
    """A row of the first stream: each third has no summary, each fourth of the others no label."""
    summary = None if row % 3 == 2 else " ".join(text.split()[:4])
    return {"text": text, "label": None if summary and row % 4 == 1 else label, "summary": summary}


def _rows(stream: str, count: int, seed: int) -> list[dict]:
    texts = sentences(2 * count, seed)
    if stream == "tickets":
        return [_ticket(row, *texts[row]) for row in range(count)]
    if stream == "pairs":
        chosen = zip(texts[:count], texts[count:], strict=True)
        return [{"first": a, "second": b, "same": "yes" if left == right else "no"} for (left, a), (right, b) in chosen]
    return [{"text": text, "stars": len(text) / 10} for _, text in texts[:count]]


SIZES = {"tickets": 24, "pairs": 10, "scores": 7}


@pytest.fixture(scope="session")
def make_experiment(tmp_path_factory):
    """Makes the tiny experiment; sections given by keyword are added to what it has, tasks that are `None` left out."""
    folder = tmp_path_factory.mktemp("data")
    sources = {}
    for number, (stream, count) in enumerate(SIZES.items()):
        paths = {split: folder / f"{stream}_{split}.jsonl" for split in ("train", "validation", "test")}
        for shift, path in enumerate(paths.values()):
            rows = _rows(stream, count if shift == 0 else 6, seed=10 * number + shift)
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        sources[stream] = {"format": "jsonl", **{split: str(path) for split, path in paths.items()}}

    def make(training=None, model=None, tasks=None, **sections):
        encoder = {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 32, "dropout": 0.0, "max_length": 48}
        plain_training = {"epochs": 2, "batch_size": 12, "learning_rate": 0.01, "strategy": "none"}
        plain_tasks = {
            "topic": {"kind": "classification", "source": "tickets"},
            "title": {"kind": "summarization", "source": "tickets", "max_length": 12},
            "same": {
                "kind": "classification",
                "source": "pairs",
                "text": "first",
                "text_pair": "second",
                "label": "same",
            },
            "stars": {"kind": "regression", "source": "scores", "target": "stars"},
        }
        return parse(
            {
                "name": "tiny",
                "sources": sources,
                "tasks": {name: task for name, task in {**plain_tasks, **(tasks or {})}.items() if task},
                "tokenizer": {"type": "sentencepiece", "vocabulary_size": 400},
                "model": {"encoder": encoder, "decoder": {"layers": 1}, "head_dropout": 0.0, **(model or {})},
                "training": {**plain_training, **(training or {})},
                "generation": {"beams": 1, "no_repeat_ngram": 0},
                **sections,
            }
        )

    return make


@pytest.fixture(scope="session")
def experiment(make_experiment):
    return make_experiment()


@pytest.fixture(scope="session")
def data(experiment, tmp_path_factory):
    """The tiny experiment's streams, tokenizer, tables and plans."""
    return prepare(experiment, RunFolder(tmp_path_factory.mktemp("run") / "tiny"), replicas=1)


@pytest.fixture(scope="session")
def tokenizer(data) -> SentencePieceTokenizer:
    return data.tokenizer


@pytest.fixture(scope="session")
def tokenizer_options() -> SentencePieceOptions:
    return SentencePieceOptions(vocabulary_size=400)


# Seeds are those of Python, which Keras draws its own from: setting TensorFlow's drops the tokenizer's kernels.
@pytest.fixture
def compiled(experiment, data):
    """A new model of the tiny experiment and its update; the same weights each time."""
    random.seed(3)
    return compile_model(experiment, data)


@pytest.fixture(scope="session")
def model(experiment, data):
    """A model of the tiny experiment that no test may change, its weights far from their initial ones."""
    random.seed(4)
    model, _ = compile_model(experiment, data)
    generator = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.3 * generator.normal(size=variable.shape).astype(np.float32))
    return model


@pytest.fixture(scope="session")
def mirrored():
    """The strategy of the two logical devices."""
    return make_strategy("mirrored")
