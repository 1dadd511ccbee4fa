import numpy as np
import pytest
import tensorflow as tf

from tests.models.sharing.conftest import TASKS, TOKENS
from tests.models.sharing.reference import expert, mixed
from tfmtl.models.saved_layers import layer_config, layer_of


def expected_views(scheme, states: np.ndarray) -> dict[str, np.ndarray]:
    """The equations of the paper, level by level."""
    of_tasks, of_all = dict.fromkeys(TASKS, states), states
    for level in range(scheme.options.levels):
        shared = [expert(layer, of_all) for layer in scheme.shared_experts[level]]
        own = {t: [expert(layer, of_tasks[t]) for layer in scheme.task_experts[level][t]] for t in TASKS}
        gates = scheme.task_gates[level]
        if level + 1 < scheme.options.levels:
            everyone = [*(made for t in TASKS for made in own[t]), *shared]
            of_all = mixed(scheme.shared_gates[level], of_all, TOKENS, everyone)
        of_tasks = {t: mixed(gates[t], of_tasks[t], TOKENS, [*own[t], *shared]) for t in TASKS}
    return of_tasks


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_levels_extract_as_in_the_paper(make_scheme, embedded, levels):
    scheme = make_scheme("ple", levels=levels, shared_experts=2, task_experts=2, expert_width=5)
    expected = expected_views(scheme, scheme.trunk(embedded, TOKENS).last.numpy())
    views = scheme(embedded, TOKENS)
    assert list(views) == TASKS
    for task, view in views.items():
        scale = np.abs(expected[task]).max()
        np.testing.assert_allclose(view.last.numpy() / scale, expected[task] / scale, atol=1e-5)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_own_variables_are_those_that_no_other_task_reads(make_scheme, embedded, levels):
    scheme = make_scheme("ple", levels=levels, shared_experts=1, task_experts=1, expert_width=5)
    with tf.GradientTape(persistent=True) as tape:
        views = scheme(embedded, TOKENS)
        sums = {task: tf.reduce_sum(view.last) for task, view in views.items()}
    readers: dict[str, set[str]] = {}
    values = [variable.value for variable in scheme.trainable_variables]
    for task, total in sums.items():
        for variable, gradient in zip(scheme.trainable_variables, tape.gradient(total, values), strict=True):
            if gradient is not None:
                readers.setdefault(variable.path, set()).add(task)
    for task in TASKS:
        alone = {path for path, of_tasks in readers.items() if of_tasks == {task}}
        assert {variable.path for variable in scheme.own_variables(task)} == alone
    assert {variable.path for variable in scheme.shared_variables()} == {
        path for path, of_tasks in readers.items() if len(of_tasks) > 1
    }


def test_a_scheme_is_made_again_from_its_configuration(make_scheme, embedded):
    scheme = make_scheme("ple", shared_experts=1, expert_width=5)
    again = layer_of(layer_config(scheme))
    again.build((None, None, 8), (None, None))
    again.set_weights(scheme.get_weights())
    for task, view in scheme(embedded, TOKENS).items():
        np.testing.assert_array_equal(again(embedded, TOKENS)[task].last, view.last)
