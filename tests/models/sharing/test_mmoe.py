import numpy as np
import pytest

from tests.models.sharing.conftest import TASKS, TOKENS
from tests.models.sharing.reference import expert, mixed
from tfmtl.models.saved_layers import layer_config, layer_of


def test_each_task_mixes_the_experts_by_a_gate_of_its_own(make_scheme, embedded):
    scheme = make_scheme("mmoe", experts=3, expert_width=5)
    states = scheme.trunk(embedded, TOKENS).last.numpy()
    experts = [expert(layer, states) for layer in scheme.experts]
    views = scheme(embedded, TOKENS)
    assert list(views) == TASKS
    for task, view in views.items():
        expected = mixed(scheme.gates[task], states, TOKENS, experts)
        np.testing.assert_allclose(view.last.numpy(), expected, rtol=1e-4, atol=1e-4)
    assert not np.allclose(views["topic"].last, views["stars"].last, atol=1e-2)


def test_new_gates_mix_in_equal_shares(make_scheme, embedded):
    scheme = make_scheme("mmoe", experts=4, expert_width=5)
    for gate in scheme.gates.values():
        gate.score.kernel.assign(np.zeros(gate.score.kernel.shape))
    states = scheme.trunk(embedded, TOKENS).last.numpy()
    expected = np.mean([expert(layer, states) for layer in scheme.experts], axis=0)
    np.testing.assert_allclose(scheme(embedded, TOKENS)["title"].last, expected, rtol=1e-4, atol=1e-4)


def test_a_task_owns_its_gate_and_shares_the_rest(make_scheme):
    scheme = make_scheme("mmoe", experts=2, expert_width=5)
    own = {variable.path for task in TASKS for variable in scheme.own_variables(task)}
    assert own == {f"sharing/{task}_gate/score/kernel" for task in TASKS}
    shared = {variable.path for variable in scheme.shared_variables()}
    assert shared == {variable.path for variable in scheme.trainable_variables} - own
    assert {path for path in shared if "expert_" in path} == {
        f"sharing/expert_{k}/{layer}/{name}"
        for k in range(2)
        for layer in ("expand", "reduce")
        for name in ("kernel", "bias")
    }
    assert scheme.readings(len(TASKS)) == 1


def test_what_a_causal_trunk_needs_for_writing_passes_unmixed(make_scheme, embedded):
    scheme = make_scheme("mmoe", "gpt", experts=2, expert_width=5)
    context = scheme.trunk(embedded, TOKENS).context
    for view in scheme(embedded, TOKENS).values():
        assert len(view.context) == len(context) == 1
        np.testing.assert_array_equal(view.context[0], context[0])


@pytest.mark.parametrize("encoder", ["transformer", "gpt", "bilstm_attention"])
def test_a_scheme_is_made_again_from_its_configuration(make_scheme, embedded, encoder):
    scheme = make_scheme("mmoe", encoder, experts=2, expert_width=5, dropout=0.1)
    again = layer_of(layer_config(scheme))
    again.build((None, None, 8), (None, None))
    again.set_weights(scheme.get_weights())
    assert again.options == scheme.options and again.tasks == TASKS
    for task, view in scheme(embedded, TOKENS).items():
        np.testing.assert_array_equal(again(embedded, TOKENS)[task].last, view.last)
