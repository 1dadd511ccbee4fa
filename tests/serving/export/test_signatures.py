import numpy as np
import pytest
import tensorflow as tf

from tfmtl.data.packing import Packing
from tfmtl.data.tokenizers.sentencepiece import SentencePieceTokenizer
from tfmtl.generation.reader import Reader
from tfmtl.serving.export.served_task import ServedTask
from tfmtl.serving.export.signatures import input_specs, signatures, trace

TEXTS = ["the cat sleeps", "", "the dog runs away in the garden"]


@pytest.fixture(scope="module")
def reader(model, data, experiment):
    # A tokenizer of its own: seeding TensorFlow, as making a model does, frees the resources of older ones.
    return Reader(model, data.tasks, SentencePieceTokenizer(data.tokenizer.proto), Packing(48), experiment.generation)


@pytest.fixture(scope="module")
def tasks(data):
    return {name: ServedTask.of(task) for name, task in data.tasks.items()}


def op_types(function) -> set[str]:
    """Every type of op in a function and in all functions that it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for called in graph.library.function for node in called.node_def)]
    return {node.op for node in nodes}


def test_each_signature_answers_its_tasks():
    label, score, summary = (ServedTask(kind=kind) for kind in ("classification", "regression", "summarization"))
    found = signatures({"a": label, "b": summary, "c": score})
    expected = {"serving_default": ("a", "b", "c"), "classify": ("a", "c"), "summarize": ("b",)}
    assert {**found, **expected, "a": ("a",), "b": ("b",), "c": ("c",)} == found
    assert next(iter(found)) == "serving_default"
    assert "summarize" not in signatures({"a": label})
    assert "classify" not in signatures({"b": summary})


def test_a_second_text_is_an_input_where_some_task_reads_pairs():
    single, pair = ServedTask(kind="regression"), ServedTask(kind="regression", pair=True)
    assert [spec.name for spec in input_specs({"a": single})] == ["text"]
    assert [spec.name for spec in input_specs({"a": single, "b": pair})] == ["text", "text_pair"]


def test_outputs_have_the_names_and_types_of_the_contract(reader, tasks):
    outputs = trace(reader, tasks, tasks)(tf.constant(TEXTS), tf.constant(TEXTS))
    assert {name: (value.dtype, value.shape.as_list()) for name, value in outputs.items()} == {
        "topic_label": (tf.string, [3]),
        "topic_probabilities": (tf.float32, [3, 2]),
        "title_summary": (tf.string, [3]),
        "same_label": (tf.string, [3]),
        "same_probabilities": (tf.float32, [3, 2]),
        "stars_score": (tf.float32, [3]),
    }
    best = outputs["topic_probabilities"].numpy().argmax(axis=1)
    assert outputs["topic_label"].numpy().tolist() == [("cats", "dogs")[index].encode() for index in best]
    np.testing.assert_allclose(outputs["same_probabilities"].numpy().sum(axis=1), 1.0, rtol=1e-6)


@pytest.mark.parametrize(("signature", "generates"), [("classify", False), ("summarize", True)])
def test_classify_has_no_decoder(reader, tasks, model, signature, generates):
    concrete = trace(reader, tasks, signatures(tasks)[signature]).get_concrete_function()
    captured = {id(variable) for variable in concrete.variables}
    layers = model.network.layers
    of_decoder = {id(v.value) for layer in (layers.decoders["title"], layers.heads["title"]) for v in layer.variables}
    assert bool(of_decoder & captured) is generates
    writing_ops = {"While", "StatelessWhile", "SentencepieceDetokenizeOp"}
    assert bool(writing_ops & op_types(concrete)) is generates


def test_an_experiment_without_pairs_is_traced_with_one_input(reader, tasks):
    single = {"stars": tasks["stars"]}
    function = trace(reader, single, single)
    (score,) = function(text=tf.constant(["the cat"])).values()
    both = trace(reader, tasks, ["stars"])(text=tf.constant(["the cat"]), text_pair=tf.constant(["ignored"]))
    np.testing.assert_allclose(score.numpy(), both["stars_score"].numpy(), rtol=1e-6)


def test_a_batch_of_no_rows_is_answered_though_the_model_could_read_none(data, tasks):
    class NeedsRows:
        tasks = data.tasks

        def read(self, names, text, text_pair):
            with tf.control_dependencies([tf.debugging.assert_greater(tf.size(text), 0)]):
                rows = tf.size(text) + 0 * tf.size(text_pair)
            topic = {"label": tf.fill([rows], "cats"), "probabilities": tf.fill([rows, 2], 0.5)}
            return {"topic": topic, "stars": {"score": tf.fill([rows], 2.0)}}

    function = trace(NeedsRows(), tasks, ["topic", "stars"])
    for rows in (0, 1, 3):
        texts = tf.constant(["a"] * rows, tf.string)
        outputs = function(texts, texts)
        assert {name: value.shape.as_list() for name, value in outputs.items()} == {
            "topic_label": [rows],
            "topic_probabilities": [rows, 2],
            "stars_score": [rows],
        }
        assert outputs["stars_score"].numpy().tolist() == [2.0] * rows
