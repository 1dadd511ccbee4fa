import random
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.svm import LinearSVC

from tfmtl.config.options import GenerationOptions
from tfmtl.data.batches import batches
from tfmtl.data.packing import Packing
from tfmtl.generation.reader import Reader
from tfmtl.training.prepared_data import prepare
from tfmtl.training.strategy import on_first_replica, scope
from tfmtl.training.train import compile_model, make_model
from tfmtl.training.variable_usage import variable_usage

UNWRITTEN = {"title": None}
"""Leaves out the task that writes, which has no expert."""


@pytest.fixture(scope="module")
def with_experts(make_experiment):
    """Two tasks with the same labels that read the same texts, one that reads pairs."""
    again = {"again": {"kind": "classification", "source": "tickets", "label": "label"}}
    return make_experiment(model={"linear_expert": {"order": 1, "weight": 3.0}, "shared_heads": True}, tasks=again)


@pytest.fixture(scope="module")
def read(with_experts):
    return prepare(with_experts, None, replicas=1)


@pytest.fixture(scope="module")
def built(with_experts, read):
    random.seed(0)
    model, _ = compile_model(with_experts, read)
    return model


@pytest.fixture(scope="module")
def unwritten(make_experiment):
    return prepare(make_experiment(tasks=UNWRITTEN), None, replicas=1)


def rows_of(data) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """How often each piece stands in each row that has a head, and the labels."""
    tables = [table for table in data.tables if "topic" in table.slice.heads]
    counts, labels = [], []
    for table in tables:
        for row in range(len(table.tokens.lengths)):
            pieces = table.tokens.values[table.tokens.splits[row] : table.tokens.splits[row + 1]]
            counts.append(np.bincount(pieces, minlength=data.tokenizer.vocabulary_size))
        labels.append(table.targets["topic"].values)
    return np.array(counts), np.concatenate(labels)


def test_tasks_of_single_texts_have_experts_fitted_to_all_rows_of_train(built, read):
    experts = built.network.layers.linear_experts
    assert experts.classes == {"topic": 2, "again": 2}
    counts, labels = rows_of(read)
    # Rows that have a target of other tasks only are not read.
    counts, labels = counts[labels >= 0], labels[labels >= 0]
    features = TfidfTransformer(sublinear_tf=True).fit_transform(counts).toarray()
    nothing = np.zeros_like(features)
    # Both tasks have the same rows: each row stands there twice, once with its weights as the first's own.
    seen = np.block([[features, features, nothing], [features, nothing, features]])
    machine = LinearSVC(random_state=0).fit(seen, np.concatenate([labels, labels]))
    common, own, _ = np.split(machine.coef_[0], 3)
    np.testing.assert_allclose(experts.coefficients.embeddings[:, 1], common + own, atol=1e-4)


def test_the_answer_is_the_mean_of_theirs_and_the_networks(built, read):
    inputs, _ = next(iter(batches(read.tables, read.plan)))
    said = [built.network.layers.linear_experts(inputs[name])["topic"] for name in ("tokens", "tokens_title")]
    answers = built(inputs, training=False)
    assert np.abs(np.concatenate(said)).max() > 1
    np.testing.assert_allclose(answers["topic"], (answers["topic_network"] + np.concatenate(said)) / 2, atol=1e-5)


def test_the_reader_answers_as_the_model(built, read):
    inputs, _ = next(iter(batches(read.tables, read.plan)))
    logits = built(inputs, training=False)["topic"][: len(inputs["tokens"])]
    reader = Reader(built, read.tasks, None, Packing(48), GenerationOptions())
    answered = reader.answer(["topic", "stars"], inputs["tokens"])
    np.testing.assert_allclose(answered["topic"]["probabilities"], tf.nn.softmax(logits), atol=1e-5)


def test_no_gradient_reaches_them(built):
    assert not [variable.path for variable in built.trainable_variables if "linear_experts" in variable.path]


def test_a_head_is_its_tasks_own_beside_them(built, read):
    usage = variable_usage(built)
    assert set(usage.tasks) == set(read.tasks)
    paths = [variable.path for variable in built.trainable_variables]
    assert {paths[position].split("/")[0] for position in usage.own("topic")} == {"topic"}


def test_they_are_the_same_on_several_devices(built, with_experts, read, mirrored):
    with scope(mirrored):
        copied = make_model(with_experts, read).network.layers.linear_experts
    for one, other in zip(built.network.layers.linear_experts.weights, copied.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_model_without_tasks_for_them_has_none(make_experiment, data):
    experiment = make_experiment(model={"linear_expert": {}})
    tasks = {name: task for name, task in data.tasks.items() if name in ("title", "same", "stars")}
    tables = [
        replace(table, slice=replace(table.slice, heads=tuple(n for n in table.slice.heads if n in tasks)))
        for table in data.tables
    ]
    model = make_model(experiment, replace(data, tasks=tasks, tables=tables))
    assert model.network.layers.linear_experts is None
    assert "linear_experts" not in [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    "balancing", [{"method": "fixed"}, {"method": "famo"}, {"method": "mgda", "gradients_of": "representation"}]
)
def test_the_network_learns_as_if_it_were_alone(make_experiment, unwritten, balancing):
    weights = []
    for expert in (None, {}):
        random.seed(1)
        model_options = {"linear_expert": expert}
        model, _ = compile_model(make_experiment(model=model_options, tasks=UNWRITTEN, balancing=balancing), unwritten)
        # To trace the step takes longer than to make it twice without a graph.
        model.run_eagerly = True
        rows = batches(unwritten.tables, unwritten.plan).take(2)
        model.fit(rows, verbose=0)
        weights.append({variable.path: variable.numpy() for variable in model.trainable_variables})
    first, second = weights
    assert first.keys() == second.keys()
    for path in first:
        np.testing.assert_allclose(first[path], second[path], atol=1e-6, err_msg=path)


def test_a_measured_loss_is_the_networks_and_a_tested_one_that_of_the_answer(built, with_experts, read):
    rows_of_batch = batches(read.tables, read.plan).take(1)
    batch = inputs, targets = next(iter(rows_of_batch))
    rows = np.flatnonzero(targets["topic"] >= 0)
    answers = built(inputs, training=False)

    def loss_of(output):
        chances = tf.nn.log_softmax(answers[output]).numpy()[rows, targets["topic"].numpy()[rows]]
        return -chances.mean()

    measured = on_first_replica(lambda batch: built.update.measure(built, batch))(batch)
    assert float(measured[built.update.tasks.index("topic")]) == pytest.approx(loss_of("topic_network"), rel=1e-5)
    tested = built.evaluate(rows_of_batch, return_dict=True, verbose=0)
    assert tested["topic_loss"] == pytest.approx(loss_of("topic"), rel=1e-5)
