"""A training step of tfmtl on random tokens, for an experiment as its YAML file would give it."""

import json
import random
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfmtl.config.experiment import parse
from tfmtl.data.batches import batches
from tfmtl.runs.run_folder import RunFolder
from tfmtl.training.prepared_data import TrainingData, prepare
from tfmtl.training.train import compile_model

LABELS = 10
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def step(values: Mapping, precision: str, rows: int, lengths: Mapping[str, int]) -> Callable[[], object]:
    """Returns a step that trains on one batch of random tokens again and again.

    Args:
        values: the tasks, the model and the tokenizer of the experiment.
        precision: `float32` or `bfloat16`.
        rows: the rows of a batch.
        lengths: the pieces of a text, `tokens`, and of what is written, `targets`.
    """
    keras.utils.set_random_seed(0)
    training = {"strategy": "none", "learning_rate": 1e-4, "batch_size": rows, "precision": PRECISIONS[precision]}
    with tempfile.TemporaryDirectory() as name:
        sources = {"texts": {"format": "jsonl", **_texts(Path(name))}}
        experiment = parse({"name": "step", "sources": sources, **values, "training": training})
        data = prepare(experiment, RunFolder(Path(name) / "run"), replicas=1)
        model = compile_model(experiment, data)[0]
    batch = _batch(data, rows, lengths)
    model.make_train_function()
    iterator = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: keras.tree.map_structure(np.array, model.train_function(iterator))


def _texts(folder: Path) -> dict[str, str]:
    """Writes made-up rows, which only have to teach a tokenizer enough pieces; returns the files of the splits."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 9))) for _ in range(9000)]
    rows = [
        {
            "text": " ".join(draw.choices(words, k=60)),
            "summary": " ".join(draw.choices(words, k=12)),
            "label": str(row % LABELS),
        }
        for row in range(3000)
    ]
    (folder / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return dict.fromkeys(("train", "validation", "test"), str(folder / "texts.jsonl"))


def _batch(data: TrainingData, rows: int, lengths: Mapping[str, int]):
    """Returns inputs and targets in the form of the experiment's own batches, with as many tokens as asked for."""
    generator = np.random.default_rng(0)
    inputs, targets = next(iter(batches(data.tables, data.plan, 0, 1)))

    def drawn(name: str, values):
        if name == "label":
            return tf.constant(generator.integers(LABELS, size=rows), values.dtype)
        length = lengths["tokens" if name.startswith("tokens") else "targets"]
        # A summary has a start mark more than it has pieces to predict.
        size = [rows, length + (not name.startswith("tokens"))]
        return tf.constant(generator.integers(10, data.tokenizer.vocabulary_size, size=size), values.dtype)

    return tuple({name: drawn(name, values) for name, values in part.items()} for part in (inputs, targets))
