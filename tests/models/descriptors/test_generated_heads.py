"""The heads that are generated from descriptors, beside the formulas of the papers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.test_build import ENCODER, TOKENS, heads_of, states_of
from tfmtl.config.experiment import parse
from tfmtl.data.columns import DenseColumn
from tfmtl.data.packing import Packing
from tfmtl.data.tables import Slice
from tfmtl.generation.reader import Reader
from tfmtl.models.build import build_model
from tfmtl.models.descriptors.vectors import descriptor_vectors
from tfmtl.training.variable_usage import variable_usage

ZS = {"books": [1.0, 0.0, 0.5], "films": [0.0, 1.0, 0.5], "games": [0.5, 0.5, -1.0]}
FORMS = ["tensor", {"type": "bilinear", "size": 5}]
KINDS = {
    "classification": {"kind": "classification", "source": "s", "labels": ["bad", "good"]},
    "multi_label": {"kind": "multi_label", "source": "s", "label_set": ["loud", "long", "new"]},
}


def built(form, kind="classification", **more):
    tasks = {name: {**KINDS[kind], "descriptor": z} for name, z in ZS.items()} | more
    sources = {"s": {"format": "tsv", "train": "a.tsv"}}
    experiment = parse({"tasks": tasks, "sources": sources, "model": {"encoder": ENCODER, "descriptors": form}})
    slices = [Slice("tokens", tuple(tasks), ())]
    columns = dict.fromkeys(tasks, DenseColumn(np.array([1.0, 3.0], np.float32)))
    vectors = descriptor_vectors(experiment.tasks, experiment.model, None)
    model = build_model(experiment.model, experiment.tasks, slices, columns, 20, "float32", descriptors=vectors)
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(size=variable.shape))
    return model, experiment.tasks


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", FORMS, ids=["tensor", "bilinear"])
def test_the_scores_of_each_task_are_those_of_the_formula(form, kind):
    model, _ = built(form, kind)
    generator = heads_of(model)["shared_head_0"]
    features = np.array(generator.pooling(states_of(model), TOKENS != 0), np.float64)
    projected = features @ np.array(generator.output_layer.kernel) + np.array(generator.output_layer.bias)
    classes = len(KINDS[kind].get("labels", KINDS[kind].get("label_set")))
    projected = projected.reshape(len(TOKENS), classes, -1)
    outputs = model({"tokens": TOKENS})
    for name, z in ZS.items():
        descriptor = np.array([*z, 1.0])
        if form == "tensor":
            expected = np.einsum("bca,a->bc", projected, descriptor)
        else:
            expected = np.einsum("bck,ka,a->bc", projected, np.array(generator.of_attributes), descriptor)
        np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-4)


def test_all_described_tasks_learn_the_same_weights_and_others_their_own():
    model, _ = built("tensor", desk={"kind": "regression", "source": "s", "target": "stars"})
    assert [*model.network.layers.common_heads] == ["shared_head_0"]
    usage = variable_usage(model)
    paths = [variable.path for variable in model.trainable_variables]
    kernel = paths.index("shared_head_0/output/kernel")
    assert {name for name, read in usage.tasks.items() if kernel in read} == {*ZS}
    assert not any(model.network.layers.heads[name].trainable_variables for name in ZS)
    assert model.network.layers.heads["desk"].trainable_variables


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_and_its_reader_answer_alike(kind, tmp_path):
    model, tasks = built(FORMS[1], kind)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = model({"tokens": TOKENS})
    options = parse({"tasks": {"a": KINDS["classification"]}, "sources": {"s": {"train": "a.csv"}}}).generation
    answers = Reader(loaded, tasks, None, Packing(8), options).answer([*ZS], TOKENS)
    for name in ZS:
        np.testing.assert_allclose(loaded({"tokens": TOKENS})[name], expected[name], rtol=1e-6)
        squashed = tf.nn.softmax if kind == "classification" else tf.sigmoid
        np.testing.assert_allclose(answers[name]["probabilities"], squashed(expected[name]), atol=1e-5)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_scores_are_float32_in_half_precision(precision):
    tasks = {name: {**KINDS["classification"], "descriptor": z} for name, z in ZS.items()}
    sources = {"s": {"format": "tsv", "train": "a.tsv"}}
    experiment = parse({"tasks": tasks, "sources": sources, "model": {"encoder": ENCODER, "descriptors": "tensor"}})
    columns = dict.fromkeys(tasks, DenseColumn(np.array([1.0, 3.0], np.float32)))
    vectors = descriptor_vectors(experiment.tasks, experiment.model, None)
    parts = [Slice("tokens", tuple(tasks), ())]
    model = build_model(experiment.model, experiment.tasks, parts, columns, 20, precision, descriptors=vectors)
    assert {output.dtype for output in model({"tokens": TOKENS}).values()} == {tf.float32}
