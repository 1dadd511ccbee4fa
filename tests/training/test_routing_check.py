from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tfmtl.balancing import get
from tfmtl.data.tables import Slice
from tfmtl.kinds.classification.options import Classification
from tfmtl.kinds.kind import kind_of
from tfmtl.kinds.regression.options import Regression
from tfmtl.models.multi_task_model import MultiTaskModel
from tfmtl.training.routing_check import check_routing
from tfmtl.training.update import Update

TOPICS = {name: Classification(name=name, source="s", labels=("x", "y")) for name in ("first", "second")}
SLICES = [Slice("tokens", ("first", "second"), ())]


def update_of(tasks):
    return Update({name: kind_of(task).loss(task, None) for name, task in tasks.items()}, get("fixed"), 1.0)


def model_of(route=lambda heads: heads):
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    states = keras.ops.mean(keras.layers.Embedding(8, 4)(tokens), axis=1)
    heads = {name: keras.layers.Dense(2, name=name) for name in TOPICS}
    return routed(tokens, heads, route({name: head(states) for name, head in heads.items()}))


def routed(tokens, heads, outputs):
    """A model whose network knows whose each head is, whatever answers for a task."""
    model = MultiTaskModel(inputs={"tokens": tokens}, outputs=outputs)
    model.network = SimpleNamespace(own_variables=lambda name: heads[name].trainable_variables)
    return model


def test_the_model_of_an_experiment_passes(compiled, data):
    model, update = compiled
    before = [np.array(variable) for variable in model.variables]
    check_routing(model, update, data.tasks, data.slices)
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.array(variable), value)


def test_heads_that_answer_each_other_s_question_are_found():
    check_routing(model_of(), update_of(TOPICS), TOPICS, SLICES)
    swapped = model_of(lambda heads: {"first": heads["second"], "second": heads["first"]})
    with pytest.raises(RuntimeError, match="changing the head of 'first' moves the loss of: second"):
        check_routing(swapped, update_of(TOPICS), TOPICS, SLICES)


def test_a_head_that_another_task_reads_as_well_is_found():
    both = model_of(lambda heads: {**heads, "first": heads["first"] + heads["second"]})
    with pytest.raises(RuntimeError, match="changing the head of 'second' moves the loss of: first, second"):
        check_routing(both, update_of(TOPICS), TOPICS, SLICES)


def test_targets_that_go_to_another_loss_are_found():
    class Swapped(Update):
        def measure(self, model, batch):
            inputs, targets = batch
            return super().measure(model, (inputs, {"first": targets["second"], "second": targets["first"]}))

    losses = {name: kind_of(task).loss(task, None) for name, task in TOPICS.items()}
    swapped = Swapped(losses, get("fixed"), clip_norm=1.0)
    with pytest.raises(RuntimeError, match="changing the target of 'first' moves the loss of: second"):
        check_routing(model_of(), swapped, TOPICS, SLICES)


@pytest.mark.parametrize("mean", [0.0, 1e8])
def test_scores_of_any_size_pass(mean):
    stars = {"stars": Regression(name="stars", source="s")}
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    score = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(mean), name="stars")
    states = keras.ops.mean(keras.layers.Embedding(8, 4)(tokens), axis=1)
    model = routed(tokens, {"stars": score}, {"stars": keras.ops.squeeze(score(states), axis=-1)})
    check_routing(model, update_of(stars), stars, [Slice("tokens", ("stars",), ())])


def test_two_replicas_pass(mirrored):
    with mirrored.scope():
        check_routing(model_of(), update_of(TOPICS), TOPICS, SLICES)
