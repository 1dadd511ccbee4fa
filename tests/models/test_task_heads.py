import keras
import numpy as np
import pytest
import tensorflow as tf
from tfmtl.models.builder import build_model

from tfmtl.config.experiment import parse
from tfmtl.config.options import GenerationOptions
from tfmtl.data.tables import Slice, Table
from tfmtl.generation.reader import Reader
from tfmtl.training.variable_usage import variable_usage

LABELS = {"labels": ["bad", "good"]}
TASKS = {
    "books": {"kind": "classification", "source": "s", **LABELS},
    "films": {"kind": "classification", "source": "s", **LABELS},
    "desk": {"kind": "classification", "source": "s", "labels": ["art", "sport"]},
    "same": {"kind": "classification", "source": "s", "text_pair": "other", **LABELS},
    "stars": {"kind": "regression", "source": "s", "target": "stars"},
}
TOKENS = np.int32([[2, 7, 9, 8, 3, 0], [2, 5, 5, 6, 7, 3]])


@pytest.fixture(scope="module")
def build():
    def build(names, precision="float32", **model):
        encoder = {"layers": 1, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 8}
        model = {"encoder": encoder, "shared_heads": True, **model}
        values = {"sources": {"s": {"format": "tsv", "train": "a.tsv"}}, "model": model}
        experiment = parse({"tasks": {name: TASKS[name] for name in names}, **values})
        table = Table(
            Slice("tokens", tuple(names), ()), None, dict.fromkeys(names, np.array([1.0, 3.0], np.float32)), {}, {}
        )
        return build_model(experiment.model, experiment.tasks, [table], 20, precision), experiment.tasks

    return build


@pytest.fixture(scope="module")
def built(build):
    return build(list(TASKS))


def test_tasks_with_the_same_labels_have_a_head_in_common(built):
    model, _ = built
    assert {name: model.get_layer(name).common for name in ("books", "films", "desk", "same")} == {
        "books": "shared_head_0",
        "films": "shared_head_0",
        "desk": None,
        "same": None,
    }
    usage = variable_usage(model)
    paths = [variable.path for variable in model.trainable_variables]
    kernel = paths.index("shared_head_0/output/kernel")
    assert {name for name, read in usage.tasks.items() if kernel in read} == {"books", "films"}
    assert kernel in usage.shared


def test_its_logits_are_added_to_those_of_each_own_head(built):
    model, _ = built
    states = model.get_layer("encoder")(model.get_layer("embedding")(TOKENS), TOKENS)
    expected = 0.0
    for name in ("films", "shared_head_0"):
        head = model.get_layer(name)
        features = np.array(head.pooling(states, TOKENS != 0))
        expected += features @ np.array(head.output_layer.kernel) + np.array(head.output_layer.bias)
    np.testing.assert_allclose(model({"tokens": TOKENS})["films"], expected, atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_in_half_precision_logits_are_added_in_float32(build, precision):
    model, _ = build(["books", "films"], precision)
    states = model.get_layer("encoder")(model.get_layer("embedding")(TOKENS), TOKENS)
    common = np.array(model.get_layer("shared_head_0")(states, TOKENS)) + 1e-4
    head = model.get_layer("films")
    own = np.array(head(states, TOKENS))
    assert common.dtype == own.dtype == np.float32
    np.testing.assert_array_equal(head(states, TOKENS, common), own + common)


def test_a_loaded_model_and_its_reader_answer_alike(built, tmp_path):
    model, tasks = built
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len([layer for layer in loaded.layers if layer.name == "shared_head_0"]) == 1
    answers = Reader(loaded, tasks, None, 8, GenerationOptions()).answer(["films", "books", "stars"], TOKENS)
    outputs = model({"tokens": TOKENS})
    for name in ("films", "books"):
        np.testing.assert_allclose(answers[name], tf.nn.softmax(outputs[name]), atol=1e-5)
    np.testing.assert_allclose(answers["stars"], outputs["stars"], atol=1e-5)


@pytest.mark.parametrize(("names", "options"), [(["books", "desk"], {}), (["books", "films"], {"shared_heads": False})])
def test_without_another_task_or_the_option_there_is_none(build, names, options):
    model, _ = build(names, **options)
    assert all(model.get_layer(name).common is None for name in names)
    assert not any(layer.name.startswith("shared_head") for layer in model.layers)
