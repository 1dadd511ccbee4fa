import keras
import pytest

from tfmtl.models.decoders.transformer import TransformerDecoder
from tfmtl.training.variable_usage import VariableUsage, variable_usage


def paths(model, positions):
    return {model.trainable_variables[position].path for position in positions}


def test_tasks_share_what_both_of_their_answers_are_computed_from():
    """Two of three tasks read a layer that belongs to neither's head; the third reads another input."""
    first, second = keras.Input((2,), name="first"), keras.Input((2,), name="second")
    dense = {name: keras.layers.Dense(2, name=name) for name in ("trunk", "between", "a", "b", "c")}
    states = dense["trunk"](first)
    between = dense["between"](states)
    outputs = {"a": dense["a"](between), "b": dense["b"](between) + states, "c": dense["c"](dense["trunk"](second))}
    model = keras.Model({"first": first, "second": second}, outputs)
    usage = variable_usage(model)
    both = {f"{layer}/{part}" for layer in ("trunk", "between") for part in ("kernel", "bias")}
    assert paths(model, usage.shared) == both
    assert paths(model, usage.own("c")) == {"c/kernel", "c/bias"}
    assert paths(model, usage.tasks["a"]) == both | {"a/kernel", "a/bias"}


def test_of_the_experiment_s_model_heads_and_decoder_alone_are_a_task_s_own(model, data):
    usage = variable_usage(model)
    own = {position for task in data.tasks for position in usage.own(task)}
    layers = {model.trainable_variables[position].path.split("/")[0] for position in own}
    assert layers == {"topic", "title", "title_decoder", "same", "stars"}
    assert {*usage.shared} | own == {*range(len(model.trainable_variables))}
    assert isinstance(model.network.layers.decoders["title"], TransformerDecoder)


def test_on_several_replicas_it_is_the_same(mirrored):
    def make():
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        states = keras.ops.mean(keras.layers.Embedding(4, 2)(tokens), axis=1)
        return keras.Model({"tokens": tokens}, {name: keras.layers.Dense(1, name=name)(states) for name in "ab"})

    with mirrored.scope():
        assert variable_usage(make()) == variable_usage(make())
        assert variable_usage(make()).shared == [0]


def test_a_task_alone_shares_nothing():
    usage = VariableUsage({"a": frozenset({0, 1})})
    assert (usage.shared, usage.own("a")) == ([], [0, 1])
    with pytest.raises(KeyError):
        usage.own("b")
