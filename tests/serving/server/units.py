"""Utterances with intents and slots, and questions about texts: data with rules that a tiny model learns in seconds."""

import json
import random
from pathlib import Path

import pytest
import yaml

from tfmtl.cli import main

CITIES = [["Rome"], ["New", "York"], ["Oslo"], ["San", "José"], ["Cairo"]]
DAYS = [["monday"], ["next", "friday"], ["today"]]
OPENINGS = {"flight": ["fly", "me", "from"], "train": ["a", "train", "from"], "weather": ["is", "it", "warm", "in"]}
NAMES, PLACES = ["Zoë", "Omar", "Li", "Anna"], ["Rome", "New York", "Oslo", "São Paulo"]
FILLERS = ["the", "old", "house", "was", "near", "a", "river", "and", "then", "it", "rained", "(again)"]
SIZES = {"train": 288, "validation": 32, "test": 40}


def utterance(generator: random.Random) -> dict:
    intent = generator.choice(sorted(OPENINGS))
    parts = [(OPENINGS[intent], None), (generator.choice(CITIES), "city")]
    if intent != "weather":
        parts += [(["to"], None), (generator.choice(CITIES), "city")]
    if generator.random() < 0.5:
        parts.append((generator.choice(DAYS), "day"))
    tags = [
        "O" if slot is None else f"{'I' if place else 'B'}-{slot}"
        for words, slot in parts
        for place, _ in enumerate(words)
    ]
    return {"words": [word for words, _ in parts for word in words], "tags": tags, "intent": intent}


def question(generator: random.Random) -> dict:
    words = generator.choices(FILLERS, k=generator.randint(3, 9))
    things = [generator.choice(NAMES)] * generator.randint(0, 1) + [generator.choice(PLACES)] * generator.randint(0, 1)
    for thing in things:
        words.insert(generator.randint(0, len(words)), thing)
    context, about = " ".join(words) + ".", generator.choice([NAMES, PLACES])
    answers = [{"text": thing, "start": context.index(thing)} for thing in things if thing in about]
    return {"question": "who was it?" if about is NAMES else "which city?", "context": context, "answers": answers}


def run(*arguments) -> None:
    """Runs a command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    assert not stopped.value.code


def write_experiment(folder: Path) -> Path:
    """Writes data and a configuration, whose path is returned."""
    generator = random.Random(3)
    sources = {"utterances": utterance, "questions": question}
    for source, make in sources.items():
        for split, count in SIZES.items():
            rows = (json.dumps(make(generator)) + "\n" for _ in range(count))
            (folder / f"{source}_{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    config = {
        "name": "units",
        "sources": {source: {split: str(folder / f"{source}_{split}.jsonl") for split in SIZES} for source in sources},
        "tasks": {
            "intent": {"kind": "classification", "source": "utterances", "text": "words", "label": "intent"},
            "slots": {"kind": "tagging", "source": "utterances"},
            "reply": {
                **{"kind": "question_answering", "source": "questions"},
                **{"text": "question", "text_pair": "context"},
            },
        },
        "tokenizer": {"vocabulary_size": 360},
        "model": {
            "encoder": {
                **{"layers": 1, "hidden": 32, "heads": 2, "feedforward": 32, "dropout": 0.0},
                **{"max_length": 48, "text_overflow": "windows"},
            }
        },
        "training": {"epochs": 5, "batch_size": 16, "learning_rate": 0.01, "strategy": "none"},
        "evaluation": {"bootstrap_samples": 100},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path
