"""A made-up corpus with a rule that a tiny model learns in seconds, and the experiments that read it."""

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILLERS = ["the", "and", "of", "with", "from", "under", "over", "near", "some", "many", "old", "new", "long", "short"]
TOPICS = ["river", "stone", "cloud", "forest", "engine", "harbor", "violin", "planet", "garden", "copper", "window"]
CLASSES = {"weather": "stormy", "music": "melodic", "travel": "distant"}
MARKS = ("long", "new", "old")
MARKED = {"kind": "multi_label", "source": "articles", "labels": "marks"}
"""A task that experiments add: which of three words are in a text."""
SIZES = {"train": 480, "validation": 64, "test": 64}


def _article(generator: random.Random) -> dict[str, str]:
    """A text of 6 to 30 words; one word of it tells the label, and its summary is that word and the topic."""
    label, topic = generator.choice(sorted(CLASSES)), generator.choice(TOPICS)
    words = [generator.choice(FILLERS) for _ in range(generator.randint(4, 28))]
    for word in (topic, CLASSES[label]):
        words.insert(generator.randint(0, len(words)), word)
    marks = ";".join(mark for mark in MARKS if mark in words) or ";"
    return {"label": label, "text": " ".join(words), "summary": f"{CLASSES[label]} {topic}", "marks": marks}


def _pair(generator: random.Random) -> dict[str, str | float]:
    """Two texts with a score from 0 to 4: how often `good` stands in them."""
    score = generator.randint(0, 4)
    words = ["good"] * score + [generator.choice(FILLERS) for _ in range(12 - score)]
    generator.shuffle(words)
    return {"first": " ".join(words[:6]), "second": " ".join(words[6:]), "score": float(score)}


def _write_tsv(path: Path, rows: list[dict]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """A folder with `articles_<split>.tsv` and `pairs_<split>.jsonl`."""
    folder = tmp_path_factory.mktemp("corpus")
    generator = random.Random(7)
    for split, size in SIZES.items():
        _write_tsv(folder / f"articles_{split}.tsv", [_article(generator) for _ in range(size)])
        pairs = (json.dumps(_pair(generator)) + "\n" for _ in range(size // 4))
        (folder / f"pairs_{split}.jsonl").write_text("".join(pairs), encoding="utf-8")
    return folder


@pytest.fixture
def configure(corpus, tmp_path):
    """Returns what writes a configuration with some keys replaced, and returns its path."""

    def write(**sections) -> Path:
        values = _merged(_base(corpus), sections)
        path = tmp_path / f"{values['name']}.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        return path

    return write


def _base(corpus: Path) -> dict:
    def files(stem: str) -> dict[str, str]:
        return {split: str(corpus / stem.format(split)) for split in SIZES}

    return {
        "name": "tiny",
        "sources": {
            "articles": {"format": "tsv", **files("articles_{}.tsv")},
            "pairs": {"format": "jsonl", **files("pairs_{}.jsonl")},
        },
        "tasks": {
            "subject": {"kind": "classification", "source": "articles"},
            "title": {"kind": "summarization", "source": "articles", "max_length": 12},
            "goodness": {"kind": "regression", "source": "pairs", "text": "first", "text_pair": "second"},
        },
        "tokenizer": {"vocabulary_size": 400},
        "model": {
            "encoder": {"layers": 1, "hidden": 32, "heads": 2, "feedforward": 64, "max_length": 48, "dropout": 0.0},
            "decoder": {"layers": 1},
        },
        "training": {"epochs": 2, "batch_size": 32, "learning_rate": 1e-2, "generate_examples": 16, "log_every": 5},
        "generation": {"beams": 1},
        "evaluation": {"bootstrap_samples": 100},
    }


def _merged(values: Mapping, overrides: Mapping) -> dict:
    """Returns `values` with nested `overrides`; a key that is overridden by `None` is left out."""
    merged = dict(values)
    for key, value in overrides.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            value = _merged(merged[key], value)
        merged[key] = value
    return {key: value for key, value in merged.items() if value is not None}


@pytest.fixture
def start():
    """Returns what starts Python with arguments in the repository; processes that still run at the end are killed."""
    processes = []

    def launch(*arguments: object, **environment: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield launch
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.communicate()
