import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.config.experiment import parse
from tfmtl.data.batches import batches
from tfmtl.data.columns import DenseColumn
from tfmtl.data.tables import Slice
from tfmtl.models.build import build_model
from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.models.layers.pooled_head import PooledHead
from tfmtl.models.network import Layers, Network, network_output
from tfmtl.training.variable_usage import variable_usage


@pytest.fixture(scope="module")
def batch(data):
    return next(iter(batches(data.tables, data.plan)))


@pytest.fixture(scope="module")
def trace(model):
    """The model as one traced function: calling it eagerly layer by layer is slow."""
    return tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True, autograph=False)


@pytest.fixture(scope="module")
def encoded(model, batch):
    inputs, _ = batch
    return {name: model.network.encode(inputs[name]) for name in ("tokens", "tokens_title")}


def ids(variables):
    return [id(variable) for variable in variables]


def test_outputs_are_named_and_shaped_by_task(model, trace, batch):
    inputs, targets = batch
    outputs = trace(inputs)
    without, with_summary = inputs["tokens"].shape[0], inputs["tokens_title"].shape[0]
    assert {name: tuple(output.shape) for name, output in outputs.items()} == {
        "topic": (without + with_summary, 2),
        "title": (with_summary, inputs["target_title"].shape[1] - 1),
        "same": (without, 2),
        "stars": (without,),
    }
    assert set(outputs) == set(targets) == set(model.network.outputs)
    assert all(output.dtype == tf.float32 for output in outputs.values())


def test_a_head_with_rows_in_two_slices_answers_in_their_order(model, trace, batch):
    inputs, _ = batch
    outputs = trace(inputs)
    layers = model.network.layers
    embedding, trunk, head = layers.embedding, layers.sharing.trunk, layers.heads["topic"]
    read = [(trunk(embedding(inputs[name]), inputs[name]).last, inputs[name]) for name in ("tokens", "tokens_title")]
    slices = [head(states, tokens) for states, tokens in read]
    np.testing.assert_allclose(outputs["topic"], tf.concat(slices, axis=0), atol=1e-5)


def test_inputs_and_layers_have_the_names_of_slices_and_tasks(model, data):
    assert set(model.input) == {"tokens", "tokens_title", "target_title"}
    names = {layer.name for layer in model.layers}
    assert {"embedding", "sharing", "title_decoder", *data.tasks} <= names
    layers = model.network.layers
    assert list(layers.heads) == list(data.tasks) and list(layers.decoders) == ["title"]
    assert model.network.decoder_of == {"title": "title"}


def test_the_output_projection_is_the_embedding(model, tokenizer):
    embedding = model.network.layers.embedding
    assert [tuple(variable.shape) for variable in embedding.variables] == [(tokenizer.vocabulary_size, 16)]
    states = np.random.default_rng(0).normal(size=[1, 2, 16]).astype(np.float32)
    np.testing.assert_allclose(embedding(states, reverse=True), states @ np.array(embedding.embeddings).T, atol=1e-5)


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
        changed[name] = changed[name][:, :13] if name == "target_title" else changed[name]
    outputs = trace(changed)
    without, with_summary = len(inputs["tokens"]), len(inputs["tokens_title"])
    of_topic = [*range(without), *range(without + others, without + others + with_summary)]
    length = inputs["target_title"].shape[1] - 1
    np.testing.assert_allclose(tf.gather(outputs["topic"], of_topic), plain["topic"], atol=1e-4)
    np.testing.assert_allclose(outputs["same"][:without], plain["same"], atol=1e-4)
    np.testing.assert_allclose(outputs["stars"][:without], plain["stars"], atol=1e-4)
    np.testing.assert_allclose(outputs["title"][:with_summary, :length], plain["title"], atol=1e-4)


def test_a_text_is_read_once_for_all_tasks(encoded, model, data, batch):
    inputs, _ = batch
    for name, read in encoded.items():
        assert list(read.states) == list(data.tasks)
        assert len({id(states.last) for states in read.states.values()}) == 1
        np.testing.assert_array_equal(read.embedded, model.network.layers.embedding(inputs[name]))
        assert read.tokens is inputs[name]


def test_what_all_tasks_share_is_the_trunk_s_states(encoded, model, batch):
    inputs, _ = batch
    read, shared = model.network.encode_shared(inputs["tokens"])
    (states,) = shared
    np.testing.assert_allclose(states, encoded["tokens"].states["topic"].last, atol=1e-5)
    for task, of_task in read.states.items():
        np.testing.assert_allclose(of_task.last, encoded["tokens"].states[task].last, atol=1e-5)


def test_an_answer_is_what_the_functional_model_says(encoded, model, trace, batch):
    inputs, _ = batch
    outputs = trace(inputs)
    rows = len(inputs["tokens"])
    for task in ("topic", "same", "stars"):
        said = model.network.answer(task, encoded["tokens"], {})
        np.testing.assert_allclose(said, outputs[task][:rows], atol=1e-5)
    assert model.network.linear_scores(inputs["tokens"]) == {}


def test_outputs_of_a_slice_are_those_of_its_tasks(encoded, model, data, trace, batch):
    inputs, _ = batch
    outputs = trace(inputs)
    without, with_summary = data.slices
    found = model.network.slice_outputs(with_summary, inputs, encoded["tokens_title"], training=False)
    assert set(found) == {"topic", "title"}
    np.testing.assert_allclose(found["topic"], outputs["topic"][len(inputs["tokens"]) :], atol=1e-5)
    np.testing.assert_allclose(found["title"], outputs["title"], atol=1e-4)
    assert set(model.network.slice_outputs(without, inputs, encoded["tokens"])) == {"topic", "same", "stars"}


def test_a_target_is_as_likely_written_token_by_token_as_whole(encoded, model, batch):
    """The chain rule: what `step` says of each token behind those before it."""
    inputs, _ = batch
    read, target = encoded["tokens_title"], inputs["target_title"]
    writer = model.network.writer("title")
    whole = writer.log_likelihood(read, "title", target)
    context, cache = writer.context(read, "title"), writer.initial_cache(read, "title")
    step = tf.function(writer.step, autograph=False)
    for position in range(target.shape[1] - 1):
        log_probabilities, cache = step(target[:, position], tf.constant(position), cache, context)
        said = tf.gather(log_probabilities, target[:, position + 1], axis=1, batch_dims=1)
        written = target[:, position + 1] != 0
        np.testing.assert_allclose(said[written], whole[:, position][written], atol=1e-4)
        np.testing.assert_array_equal(whole[:, position][~written], 0.0)
        np.testing.assert_allclose(tf.reduce_logsumexp(log_probabilities, axis=1), 0.0, atol=1e-4)


def test_the_trunk_is_what_every_task_reads_through(model):
    layers = model.network.layers
    expected = [*layers.embedding.trainable_variables, *layers.sharing.trunk.trainable_variables]
    found = model.network.trunk_variables()
    assert ids(found) == ids(expected) and len(set(ids(found))) == len(found)
    assert {variable.path.split("/")[0] for variable in found} == {"embedding", "sharing"}


def test_a_head_and_a_decoder_are_its_task_s_own(model, data):
    network, layers = model.network, model.network.layers
    for task in ("topic", "same", "stars"):
        assert ids(network.own_variables(task)) == ids(layers.heads[task].trainable_variables)
    assert isinstance(layers.decoders["title"], TransformerDecoder)
    assert ids(network.own_variables("title")) == ids(
        [*layers.heads["title"].trainable_variables, *layers.decoders["title"].trainable_variables]
    )
    of_tasks = [variable for task in data.tasks for variable in network.own_variables(task)]
    everything = [*network.trunk_variables(), *of_tasks]
    # Every variable of the model, each once; and the graph of the answers says the same.
    assert len(set(ids(everything))) == len(everything)
    assert set(ids(everything)) == set(ids(model.trainable_variables))
    usage = variable_usage(model)
    for task in data.tasks:
        of_graph = [model.trainable_variables[position] for position in usage.own(task)]
        assert set(ids(network.own_variables(task))) == set(ids(of_graph))


SIZE = {"layers": 1, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 8}
TOKENS = np.int32([[2, 7, 9, 8, 3, 0], [2, 5, 5, 6, 7, 3]])


def small(tasks, slices, **model):
    """A model of tasks of one source, whose labels are two."""
    described = {name: {"source": "s", **task} for name, task in tasks.items()}
    source = {"s": {"format": "tsv", "train": "a.tsv"}}
    experiment = parse({"sources": source, "tasks": described, "model": {"encoder": SIZE, **model}})
    columns = dict.fromkeys(tasks, DenseColumn(np.array([0, 1], np.int32)))
    return build_model(experiment.model, experiment.tasks, slices, columns, 20, "float32")


TITLE = {"kind": "summarization", "max_length": 6}
GAPS = {"kind": "denoising", "decoder": "title"}


def test_a_decoder_that_two_tasks_write_with_is_no_task_s_own():
    slices = [Slice("tokens_title", (), ("title",)), Slice("tokens_gaps", (), ("gaps",))]
    model = small({"title": TITLE, "gaps": GAPS}, slices)
    network = model.network
    assert network.decoder_of == {"title": "title", "gaps": "title"}
    assert list(network.layers.decoders) == ["title"]
    for task in ("title", "gaps"):
        assert ids(network.own_variables(task)) == ids(network.layers.heads[task].trainable_variables)


def test_a_head_in_common_is_called_once_for_all_tasks_of_the_same_states(monkeypatch):
    labels = {"kind": "classification", "labels": ["bad", "good"]}
    tasks = ("books", "films", "games")
    model = small(dict.fromkeys(tasks, labels), [Slice("tokens", tasks, ())], shared_heads=True)
    calls, call = [], PooledHead.call

    def counted(head, *args, **options):
        calls.append(head.name)
        return call(head, *args, **options)

    monkeypatch.setattr(PooledHead, "call", counted)
    read = model.network.encode(TOKENS)
    said = model.network.head_outputs(tasks, read)
    assert sorted(calls) == [*tasks, "shared_head_0"]
    common = model.network.layers.common_heads["shared_head_0"](read.states["books"].last, TOKENS)
    for task in tasks:
        alone = model.network.layers.heads[task](read.states[task].last, TOKENS)
        np.testing.assert_allclose(said[task], np.array(alone) + np.array(common), atol=1e-6)


def test_the_answer_of_a_linear_expert_is_averaged_with_that_of_the_head():
    labels = {"kind": "classification", "labels": ["bad", "good"]}
    part = Slice("tokens", ("topic", "stars"), ())
    tasks = {"topic": labels, "stars": {"kind": "regression"}}
    model = small(tasks, [part], linear_expert={"buckets": 10})
    network, experts = model.network, model.network.layers.linear_experts
    generator = np.random.default_rng(0)
    experts.coefficients.embeddings.assign(generator.normal(size=experts.coefficients.embeddings.shape))
    assert network.outputs == ["topic", "stars", network_output("topic")]
    read, linear = network.encode(TOKENS), network.linear_scores(TOKENS)
    said = network.head_outputs(["topic", "stars"], read)
    averaged = (np.array(said["topic"]) + np.array(linear["topic"])) / 2
    assert np.abs(linear["topic"]).max() > 0.1 and list(linear) == ["topic"]
    np.testing.assert_allclose(network.answer("topic", read, linear), averaged, atol=1e-6)
    np.testing.assert_allclose(network.answer("stars", read, linear), said["stars"], atol=1e-6)
    outputs = model({"tokens": TOKENS})
    np.testing.assert_allclose(outputs["topic"], averaged, atol=1e-5)
    np.testing.assert_allclose(outputs[network_output("topic")], said["topic"], atol=1e-5)
    np.testing.assert_allclose(outputs["stars"], said["stars"], atol=1e-5)


def test_layers_are_made_again_of_their_configurations_with_some_keys_changed(model):
    config = model.network.layers.as_config(dtype="bfloat16")
    layers = Layers.from_config(config)
    network = Network(layers, model.network.decoder_of)
    assert list(layers.heads) == list(model.network.layers.heads)
    for layer in (layers.embedding, layers.sharing, layers.sharing.trunk, *layers.heads.values()):
        assert isinstance(layer, keras.layers.Layer) and layer.dtype_policy.name == "bfloat16" and not layer.built
    assert network.encode(TOKENS).states["topic"].last.dtype == "bfloat16"
    assert model.network.layers.embedding.dtype_policy.name == "float32"
