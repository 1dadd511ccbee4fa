import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfmtl
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.runs.identity import experiment_of

TRAINING = Path(__file__).parents[2] / "docs" / "training.md"


@pytest.fixture(scope="module")
def splits(fitted):
    return tfmtl.datasets(fitted)


@pytest.fixture(scope="module")
def plain(fitted):
    """The names that the example of plain Keras leaves, which trains the model of the run for one more epoch."""
    names = {"run": fitted}
    (code,) = re.findall(r"^```python\n(.*?)^```", TRAINING.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    exec(code, names)
    return names


def test_each_split_has_batches_that_the_model_reads(splits, plain):
    assert list(splits) == ["train", "validation", "test"]
    model = plain["model"]
    rows = {}
    for split, batches in splits.items():
        tags = []
        for inputs, targets in batches:
            outputs = model(inputs)
            assert set(inputs) == set(model.input) and set(targets) == set(outputs)
            assert all(outputs[task].shape[0] == targets[task].shape[0] for task in targets)
            tags.append(targets["tags"].numpy())
        rows[split] = int((np.concatenate(tags) >= 0).all(axis=1).sum())
    # Rows whose number leaves 4 when it is divided by 5 have no tags.
    assert rows == {"train": 52, "validation": 19, "test": 19}


def test_in_plain_keras_the_losses_of_the_documentation_are_those_of_the_tasks(fitted, splits, plain):
    history = plain["model"].history.history
    assert {f"{task}_loss" for task in ("queue", "tags", "title")} < set(history) and np.isfinite(history["loss"][0])
    inputs, targets = next(iter(splits["train"]))
    outputs = plain["model"](inputs)
    losses = {"queue": plain["label_loss"], "tags": plain["labels_loss"], "title": plain["summary_loss"]}
    for name, task in experiment_of(fitted).tasks.items():
        own = kind_of(task).loss(task, None)
        expected = own.total(targets[name], outputs[name]) / own.count(targets[name])
        assert float(losses[name](targets[name], outputs[name])) == pytest.approx(float(expected), rel=1e-5)


def test_a_missing_target_is_left_out_of_the_losses_of_the_documentation(plain):
    logits = tf.constant([[0.0, 2.0], [5.0, 1.0]])
    # The negative logarithm of the logistic function is log(1 + exp(-z)).
    expected = np.mean([np.log(2.0), np.log1p(np.exp(-2.0))])
    assert float(plain["labels_loss"](tf.constant([[1, 1], [-1, -1]]), logits)) == pytest.approx(expected)
    assert float(plain["label_loss"](tf.constant([1, -1]), logits)) == pytest.approx(np.log1p(np.exp(-2.0)), rel=1e-5)
    scores = tf.Variable([1.0, 3.0])
    with tf.GradientTape() as tape:
        loss = plain["score_loss"](tf.constant([3.0, np.nan]), scores)
    assert float(loss) == 4.0 and tape.gradient(loss, scores).numpy().tolist() == [-4.0, 0.0]
    own = kind_of(Regression(name="a", source="s")).loss(Regression(name="a", source="s"), None)
    assert float(own.total(tf.constant([3.0, np.nan]), scores)) == 4.0


def test_losses_of_keras_know_of_no_missing_target():
    logits = tf.constant([[0.0, 2.0], [5.0, 1.0]])
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    assert float(binary(tf.constant([[1, 1], [-1, -1]]), logits)) > 1.5
    assert np.isnan(float(keras.losses.MeanSquaredError()(tf.constant([3.0, np.nan]), tf.constant([1.0, 3.0]))))
    if not tf.config.list_physical_devices("GPU"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="label value of -1"):
            keras.losses.SparseCategoricalCrossentropy(from_logits=True)(tf.constant([1, -1]), logits)
