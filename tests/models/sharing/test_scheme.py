import json

import keras
import numpy as np
import pytest
from pydantic import Field

from tfmtl.core.registry import Options
from tfmtl.models.encoders.transformer import TransformerEncoder
from tfmtl.models.saved_layers import layer_config, layer_of
from tfmtl.models.sharing.behind import SharingBehind
from tfmtl.models.sharing.scheme import SharingScheme

TOKENS = np.int32([[2, 7, 8, 3, 0, 0], [2, 5, 3, 9, 8, 3]])
EMBEDDED = np.random.default_rng(0).normal(size=[2, 6, 8]).astype(np.float32)


class ScaledOptions(Options):
    initial: float = Field(1.0, gt=0.0)


@keras.saving.register_keras_serializable("tests")
class ScaledSharing(SharingBehind):
    """A scheme as one is added: each task multiplies the states by numbers of its own, all add the same ones."""

    options_class = ScaledOptions

    def build_views(self, hidden):
        constant = keras.initializers.Constant(self.options.initial)
        self.scales = {task: self.add_weight((hidden,), constant, name=f"{task}_scale") for task in self.tasks}
        self.shift = self.add_weight((hidden,), "ones", name="shift")

    def views(self, states, tokens, training=None):
        return {task: states._replace(last=states.last * scale + self.shift) for task, scale in self.scales.items()}

    def own_variables(self, task):
        return [self.scales[task]]


def make(**options):
    trunk = TransformerEncoder(layers=1, hidden=8, heads=2, feedforward=8, max_length=6, dropout=0.0, name="trunk")
    scheme = ScaledSharing(trunk, ["a", "b"], **options, name="sharing")
    scheme.build((None, None, 8), (None, None))
    return scheme


def test_it_owns_its_trunk_and_what_it_puts_behind_it():
    scheme = make(initial=3.0)
    states = np.array(scheme.trunk(EMBEDDED, TOKENS).last)
    scheme.scales["b"].assign(np.full(8, -1.0))
    views = scheme(EMBEDDED, TOKENS)
    np.testing.assert_allclose(views["a"].last, 3.0 * states + 1.0, atol=1e-5)
    np.testing.assert_allclose(views["b"].last, -states + 1.0, atol=1e-5)
    assert len(scheme.trainable_variables) == len(scheme.trunk.trainable_variables) + 3


def test_what_is_read_is_what_all_share_and_what_each_task_makes_of_it():
    scheme = make()
    states, views = scheme.read(EMBEDDED, TOKENS)
    np.testing.assert_allclose(states.last, scheme.trunk(EMBEDDED, TOKENS).last, atol=1e-6)
    for task, view in scheme(EMBEDDED, TOKENS).items():
        np.testing.assert_allclose(views[task].last, view.last, atol=1e-6)


def test_shared_are_the_variables_that_are_no_task_s_own():
    scheme = make()
    shared = {id(variable) for variable in scheme.shared_variables()}
    assert shared == {id(variable) for variable in [*scheme.trunk.trainable_variables, scheme.shift]}
    assert not shared & {id(scheme.scales[task]) for task in "ab"}


def test_a_scheme_behind_the_trunk_reads_a_text_once_for_all_tasks(monkeypatch):
    scheme, calls, call = make(), [], TransformerEncoder.call

    def counted(*args, **options):
        calls.append(args)
        return call(*args, **options)

    monkeypatch.setattr(TransformerEncoder, "call", counted)
    scheme(EMBEDDED, TOKENS)
    assert len(calls) == scheme.readings(len(scheme.tasks)) == scheme.readings(9) == 1


def test_its_configuration_holds_trunk_tasks_and_options():
    scheme = make(initial=2.0)
    again = layer_of(json.loads(json.dumps(layer_config(scheme))))
    assert (again.tasks, again.options, again.name) == (["a", "b"], ScaledOptions(initial=2.0), "sharing")
    assert again.trunk is not scheme.trunk and again.trunk.options == scheme.trunk.options
    again.build((None, None, 8), (None, None))
    again.set_weights(scheme.get_weights())
    np.testing.assert_allclose(again(EMBEDDED, TOKENS)["b"].last, scheme(EMBEDDED, TOKENS)["b"].last, atol=1e-6)


def test_a_keyword_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match="'experts'"):
        make(experts=3)


def test_a_scheme_must_say_what_each_task_reads():
    class Nothing(SharingScheme):
        pass

    trunk = TransformerEncoder(layers=1, hidden=8, heads=2, feedforward=8, max_length=6)
    with pytest.raises(TypeError, match="abstract class Nothing with abstract method"):
        Nothing(trunk, ["a"])
