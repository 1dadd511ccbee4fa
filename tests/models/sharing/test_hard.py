import keras
import numpy as np

from tfmtl.core.registry import SHARING


def test_every_task_reads_the_same_states():
    entry = SHARING.get("hard")
    scheme, states = entry.build(entry.options(), ["a", "b"]), np.random.default_rng(0).normal(size=[2, 3, 4])
    views = scheme(states, np.ones([2, 3], np.int32))
    assert list(views) == ["a", "b"]
    for view in views.values():
        np.testing.assert_allclose(view, states, rtol=1e-6)


def test_it_is_made_again_from_its_configuration():
    entry = SHARING.get("hard")
    scheme = entry.build(entry.options(), ["a", "b"], name="sharing")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(scheme))
    assert (again.tasks, again.name) == (["a", "b"], "sharing")
