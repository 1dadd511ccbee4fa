"""One replica and two, one process and two, one pass over all rows and one a group: the same update by every method."""

import numpy as np
import pytest
import tensorflow as tf

from tests.training import every_method
from tests.training.every_method import CASES, trained
from tests.workers import run_two_workers

# One of each way in which replicas come to the same update: by weights that are drawn, learned, or made of losses or of
# the norms of gradients; by gradients in rows, by their products, or by a state of both; by the states. What the others
# make of the same losses and gradients is tested by their names in `tests/balancing/methods`.
WAYS = ["rlw", "uncertainty", "famo", "gradnorm", "graddrop", "mgda", "moco", "mgda by the representation"]
OTHERS = sorted(CASES.keys() - {*WAYS})


@pytest.fixture(scope="module", autouse=True)
def _graphs_as_they_are():
    every_method.optimize_graphs(False)
    yield
    every_method.optimize_graphs(True)


@pytest.fixture(scope="module")
def alone():
    """The weights and states after three steps on one device, by method; replicas make theirs in a graph."""
    strategy = tf.distribute.get_strategy()
    return {case: trained(strategy, *CASES[case], in_graph=False) for case in CASES}


def assert_same(found, expected):
    assert len(found) == len(expected)
    for first, second in zip(found, expected, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("case", [*WAYS, *(pytest.param(case, marks=pytest.mark.large) for case in OTHERS)])
def test_two_replicas_make_the_update_of_one(alone, mirrored, case):
    assert_same(trained(mirrored, *CASES[case]), alone[case])


def test_the_methods_move_the_weights_and_not_all_alike(alone):
    initial = [variable.numpy() for variable in every_method.make_model().trainable_variables]
    trunks = {case: np.concatenate([values[k].ravel() for k in range(3)]) for case, values in alone.items()}
    start = np.concatenate([values.ravel() for values in initial[:3]])
    assert all(np.abs(trunk - start).max() > 1e-3 for trunk in trunks.values())
    distinct = {tuple(np.round(trunk, 5)) for trunk in trunks.values()}
    assert len(distinct) >= len(CASES) - 6


@pytest.mark.parametrize("method", ["pcgrad", "moco", "aligned_mtl"])
def test_a_pass_for_each_group_of_rows_gives_the_gradients_of_one_over_all(alone, method):
    whole = trained(tf.distribute.get_strategy(), method, {}, groups=[[task.name for task in every_method.TASKS]])
    assert_same(alone[method], whole)


@pytest.mark.parametrize("case", ["famo", "gls", "graddrop", "mgda by the representation"])
def test_batches_in_parts_on_two_replicas_make_the_update_of_the_whole(alone, mirrored, case):
    assert_same(trained(mirrored, *CASES[case], parts=2), alone[case])


@pytest.mark.parametrize("case", ["uncertainty", "cagrad", "mgda by the representation"])
def test_in_bfloat16_the_update_is_about_the_same(alone, case):
    found = trained(tf.distribute.get_strategy(), *CASES[case], precision="mixed_bfloat16")
    initial = [variable.numpy() for variable in every_method.make_model().trainable_variables]
    for value, expected, start in zip(found, alone[case], initial, strict=False):
        assert value.dtype == np.float32
        # Eight bits of mantissa: each of three steps is right to some hundredths.
        np.testing.assert_allclose(
            value - start, expected - start, atol=0.05 * max(np.abs(expected - start).max(), 0.02)
        )


@pytest.mark.parametrize("case", ["gls", "mgda", "gradnorm", "mgda by the representation"])
def test_a_stopped_task_moves_neither_the_trunk_nor_its_head(case):
    strategy, model = tf.distribute.get_strategy(), every_method.make_model()
    paths = [variable.path for variable in model.trainable_variables]
    moved, alone = (trained(strategy, *CASES[case], active=active) for active in ([1, 1, 0], [1, 0, 0]))
    for path, value, start in zip(paths, moved, model.trainable_variables, strict=False):
        assert np.array_equal(value, start.numpy()) == path.startswith("price"), path
    # With one task left, its own gradient is the update, but for the convention of its weight.
    assert not np.allclose(moved[1], alone[1])


@pytest.mark.parametrize("case", ["moco", "gradvac", "gradnorm", "mgda by the representation"])
def test_an_update_that_overflows_is_skipped_and_nothing_is_learned_from_it(alone, case):
    strategy, model = tf.distribute.get_strategy(), every_method.make_model()
    found = trained(strategy, *CASES[case], scale=2.0**127)
    for value, start in zip(found, model.trainable_variables, strict=False):
        np.testing.assert_array_equal(value, start.numpy())
    assert all(np.isfinite(value).all() for value in found)
    # A scale that nothing overflows with changes nothing.
    assert_same(trained(strategy, *CASES[case], scale=2.0**10), alone[case])


@pytest.mark.slow
@pytest.mark.parametrize("cases", [WAYS, pytest.param(OTHERS, marks=pytest.mark.large)], ids=["ways", "others"])
def test_two_processes_make_the_update_of_one(alone, tmp_path, cases):
    output = tmp_path / "found.npz"
    run_two_workers([every_method.__file__, str(output), *cases])
    found = np.load(output)
    for case in cases:
        assert_same([found[f"{case}:{k}"] for k in range(len(alone[case]))], alone[case])
