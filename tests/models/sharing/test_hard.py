import keras
import numpy as np
import pytest

from tfmtl.core.registry import SHARING
from tfmtl.models.encoders.gpt import GPTEncoder
from tfmtl.models.encoders.transformer import TransformerEncoder
from tfmtl.models.sharing.hard import HardSharing

SIZE = {"layers": 2, "hidden": 8, "heads": 2, "feedforward": 8, "max_length": 6, "dropout": 0.0}
TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 3, 9, 8, 3]])
EMBEDDED = np.random.default_rng(0).normal(size=[2, 6, 8]).astype(np.float32)


@pytest.fixture(params=[TransformerEncoder, GPTEncoder])
def scheme(request):
    scheme = HardSharing(request.param(**SIZE, name="trunk"), ["a", "b"], name="sharing")
    scheme.build((None, None, 8), (None, None))
    return scheme


def test_it_is_registered():
    assert SHARING.get("hard").build is HardSharing


def test_every_task_reads_the_same_states(scheme):
    views, states = scheme(EMBEDDED, TOKENS), scheme.trunk(EMBEDDED, TOKENS)
    assert list(views) == ["a", "b"]
    for view in views.values():
        np.testing.assert_allclose(view.last, states.last, rtol=1e-6)
        assert len(view.context) == len(states.context)
        for found, expected in zip(view.context, states.context, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_all_its_variables_are_shared_and_those_of_its_trunk(scheme):
    assert [id(variable) for variable in scheme.shared_variables()] == [
        id(variable) for variable in scheme.trunk.trainable_variables
    ]
    assert scheme.own_variables("a") == scheme.own_variables("b") == []


def test_a_text_is_read_once_whatever_the_number_of_tasks(scheme):
    assert [scheme.readings(tasks) for tasks in (1, 2, 30)] == [1, 1, 1]


def test_it_is_made_again_from_its_configuration(scheme):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(scheme))
    assert (again.tasks, again.name) == (["a", "b"], "sharing")
    assert (type(again.trunk), again.trunk.options) == (type(scheme.trunk), scheme.trunk.options)
    again.set_weights(scheme.get_weights())
    np.testing.assert_allclose(again(EMBEDDED, TOKENS)["a"].last, scheme(EMBEDDED, TOKENS)["a"].last, atol=1e-6)
