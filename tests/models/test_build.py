import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.core.registry import KINDS
from tfmtl.data.batches import batches
from tfmtl.models.builder import decoder_name
from tfmtl.models.task_heads import HEADS
from tfmtl.training.train import compile_model


@pytest.fixture(scope="module")
def batch(data):
    return next(iter(batches(data.tables, data.plan)))


@pytest.fixture(scope="module")
def trace(model):
    """The model as one traced function: calling it eagerly layer by layer is slow."""
    return tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)


def rows_and_length(inputs, name):
    return tuple(inputs[name].shape)


def test_every_kind_of_task_has_a_head():
    assert set(HEADS) == {entry.name for entry in KINDS}


def test_outputs_are_named_and_shaped_by_task(model, trace, batch):
    inputs, targets = batch
    outputs = trace(inputs)
    without, with_summary = inputs["tokens"].shape[0], inputs["tokens_title"].shape[0]
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "topic": (without + with_summary, 2),
        "title": (with_summary, inputs["summary_title"].shape[1] - 1),
        "same": (without, 2),
        "stars": (without,),
    }
    assert set(outputs) == set(targets)
    assert all(output.dtype == tf.float32 for output in outputs.values())


def test_a_head_with_rows_in_two_slices_answers_in_their_order(model, trace, batch):
    inputs, _ = batch
    outputs = trace(inputs)
    encoder, embedding, head = (model.get_layer(name) for name in ("encoder", "embedding", "topic"))
    slices = [head(encoder(embedding(inputs[name]), inputs[name]), inputs[name]) for name in ("tokens", "tokens_title")]
    np.testing.assert_allclose(outputs["topic"], tf.concat(slices, axis=0), atol=1e-5)


def test_inputs_and_layers_have_the_names_of_slices_and_tasks(model, data):
    assert set(model.input) == {"tokens", "tokens_title", "summary_title"}
    names = {layer.name for layer in model.layers}
    assert {"embedding", "encoder", decoder_name("title"), *data.tasks} <= names


def test_the_output_projection_is_the_embedding(model, tokenizer):
    embedding = model.get_layer("embedding")
    assert [tuple(variable.shape) for variable in embedding.variables] == [(tokenizer.vocabulary_size, 16)]
    states = np.random.default_rng(0).normal(size=[1, 2, 16]).astype(np.float32)
    np.testing.assert_allclose(embedding(states, reverse=True), states @ np.array(embedding.embeddings).T, atol=1e-5)


def test_a_regression_head_works_in_units_of_its_training_targets(model, data):
    scores = next(table.targets["stars"] for table in data.tables if "stars" in table.targets)
    head = model.get_layer("stars")
    assert head.mean == pytest.approx(np.nanmean(scores))
    assert head.deviation == pytest.approx(np.nanstd(scores))


def test_a_saved_model_gives_the_same_outputs(model, trace, batch, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs, _ = batch
    outputs = tf.function(lambda inputs: loaded(inputs, training=False))(inputs)
    for name, expected in trace(inputs).items():
        np.testing.assert_allclose(outputs[name], expected, atol=1e-6)


def test_it_can_be_summarized_and_drawn(model, tmp_path):
    lines = []
    model.summary(print_fn=lines.append)
    assert "title_decoder" in "\n".join(lines)
    pytest.importorskip("pydot")
    if not shutil.which("dot"):
        pytest.skip("graphviz is not there")
    keras.utils.plot_model(model, tmp_path / "model.png", show_shapes=True)
    assert (tmp_path / "model.png").stat().st_size > 1000


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 6), st.integers(0, 3))
def test_an_answer_depends_on_no_other_row_and_on_no_padding(trace, batch, seed, padding, others):
    inputs, _ = batch
    inputs = {name: tensor.numpy() for name, tensor in inputs.items()}
    plain = trace(inputs)
    generator = np.random.default_rng(seed)
    changed = {}
    for name, rows in inputs.items():
        random = generator.integers(4, 300, size=[others, rows.shape[1]])
        changed[name] = np.pad(np.concatenate([rows, random]), ((0, 0), (0, padding))).astype(np.int32)[:, :48]
        changed[name] = changed[name][:, :13] if name == "summary_title" else changed[name]
    outputs = trace(changed)
    without, with_summary = len(inputs["tokens"]), len(inputs["tokens_title"])
    of_topic = [*range(without), *range(without + others, without + others + with_summary)]
    length = inputs["summary_title"].shape[1] - 1
    np.testing.assert_allclose(tf.gather(outputs["topic"], of_topic), plain["topic"], atol=1e-4)
    np.testing.assert_allclose(outputs["same"][:without], plain["same"], atol=1e-4)
    np.testing.assert_allclose(outputs["stars"][:without], plain["stars"], atol=1e-4)
    np.testing.assert_allclose(outputs["title"][:with_summary, :length], plain["title"], atol=1e-4)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_lower_precision_gives_float32_outputs_and_trains(make_experiment, data, batch, precision):
    model, update = compile_model(make_experiment(training={"precision": precision}), data)
    before = [np.array(variable) for variable in model.trainable_variables]
    # The first scales of a float16 loss are too large: such updates are left out, and the scale is halved.
    logs = model.fit(tf.data.Dataset.from_tensors(batch).repeat(12), verbose=0).history
    assert all(np.isfinite(values).all() for values in logs.values())
    assert np.isfinite(update.losses.numpy()).all() and (update.losses.numpy() > 0).all()
    assert np.isfinite(update.gradient_norm.numpy())
    assert all(output.dtype == "float32" for output in model.output.values())
    assert all(variable.dtype == "float32" for variable in model.trainable_variables)
    assert sum(np.abs(np.array(v) - b).sum() for v, b in zip(model.trainable_variables, before, strict=True)) > 0
