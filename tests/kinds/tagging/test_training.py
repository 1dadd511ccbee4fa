"""Tags and summaries of the same words: rows with and without a summary are in different slices."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from tfmtl.config.experiment import parse
from tfmtl.data.batches import batches
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import prepare
from tfmtl.training.routing_check import check_routing
from tfmtl.training.train import compile_model

NAMES, OTHERS = ["anna", "omar", "li"], ["calls", "writes", "to", "about", "the", "weather"]


def rows(count):
    generator = random.Random(count)
    for row in range(count):
        words = generator.choices(NAMES + OTHERS, k=generator.randint(1, 30 if row % 3 else 4))
        tags = ["B-name" if word in NAMES else "O" for word in words]
        summary = words[0] if row % 3 == 0 else None
        # Each fifth row has no tags.
        yield {"words": words, "tags": tags if row % 5 else None, "summary": summary, "topic": "ab"[row % 2]}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    for split, count in {"train": 40, "validation": 12, "test": 12}.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(count)))
    files = {split: str(folder / f"{split}.jsonl") for split in ("train", "validation", "test")}
    return parse(
        {
            "name": "words",
            "sources": {"words": files},
            "tasks": {
                "slots": {"kind": "tagging"},
                "first": {"kind": "summarization", "text": "words", "max_length": 6},
                "topic": {"kind": "classification", "text": "words", "label": "topic"},
            },
            "tokenizer": {"vocabulary_size": 300},
            "model": {
                "encoder": {"layers": 1, "hidden": 16, "heads": 2, "feedforward": 16, "dropout": 0.0, "max_length": 32},
                "decoder": {"layers": 1},
                "head_dropout": 0.0,
            },
            "training": {"batch_size": 12, "strategy": "none"},
        }
    )


@pytest.fixture(scope="module")
def data(experiment, tmp_path_factory):
    return prepare(experiment, RunFolder(tmp_path_factory.mktemp("run") / "words"), replicas=1)


@pytest.fixture(scope="module")
def compiled(experiment, data):
    return compile_model(experiment, data)


def test_all_tasks_read_the_same_stream(data):
    (stream,) = data.streams
    assert [task.name for task in stream.tasks] == ["slots", "first", "topic"]
    assert len(data.tables) == 2 and all("slots" in table.targets for table in data.tables)


def test_targets_stand_at_the_first_token_of_each_word(data):
    for table in data.tables:
        column = table.targets["slots"]
        lengths = table.tokens.lengths
        assert np.array_equal(column.lengths, np.where(column.present, lengths, 0))
        assert (column.present.mean(), column.values.max()) == (pytest.approx(0.8, abs=0.15), 2)


def test_the_loss_of_two_slices_is_that_of_their_words(data, compiled):
    model, update = compiled
    inputs, targets = next(iter(batches(data.tables, data.plan)))
    outputs = model(inputs, training=False)
    assert outputs["slots"].shape == (
        *targets["slots"].shape[:1],
        max(inputs[s.tokens].shape[1] for s in data.slices),
        2,
    )
    total = count = 0.0
    first = 0
    for part in data.slices:
        tokens = inputs[part.tokens]
        logits = model.network.head_outputs(["slots"], model.network.encode(tokens))["slots"].numpy()
        likelihoods = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        wanted = targets["slots"].numpy()[first : first + len(tokens), : tokens.shape[1]]
        for row, place in zip(*np.nonzero(wanted), strict=True):
            total -= likelihoods[row, place, wanted[row, place] - 1]
            count += 1
        first += len(tokens)
    assert count == np.count_nonzero(targets["slots"]) > 0
    measured = update.measure(model, (inputs, targets))
    assert float(measured[0]) == pytest.approx(total / count, rel=1e-4)


def test_each_head_learns_from_its_own_target(data, compiled):
    model, update = compiled
    check_routing(model, update, data.tasks, data.slices)


def test_an_update_changes_the_head_of_words(data, compiled):
    model, update = compiled
    batch = next(iter(batches(data.tables, data.plan)))
    before = model.network.layers.heads["slots"].get_weights()
    tf.function(lambda inputs, targets: update.train(model, (inputs, targets)), autograph=False)(*batch)
    after = model.network.layers.heads["slots"].get_weights()
    assert all(np.abs(one - other).max() > 1e-6 for one, other in zip(before, after, strict=True))
