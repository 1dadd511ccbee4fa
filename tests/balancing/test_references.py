"""Every method that combines gradients against published closed forms, reference values and laws.

The reference file stands beside the checkout where there is one; the closed forms need none.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.balancing import get

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference" / "balancing.json"
GRADIENTS = np.array([[1.0, 0.0], [-1.0, 1.0]])
ROOT_2, ROOT_5 = np.sqrt([2.0, 5.0])

# For the gradients (1, 0) and (-1, 1), from the papers' formulas.
CLOSED_FORMS = [
    ("pcgrad", {}, [0.5, 1.5]),
    ("gradvac", {}, [0.5, 1.5]),
    ("mgda", {}, [0.2, 0.4]),
    ("imtl_g", {}, [3 - 2 * ROOT_2, ROOT_2 - 1]),
    ("nash_mtl", {}, [(ROOT_2 - 1) / np.sqrt(2 - ROOT_2), 1 / np.sqrt(2 - ROOT_2)]),
    ("fairgrad", {"alpha": 1.0}, [(ROOT_2 - 1) / np.sqrt(2 - ROOT_2), 1 / np.sqrt(2 - ROOT_2)]),
    ("cagrad", {"c": 0.5}, [0.25, 0.5]),
    ("cagrad", {"c": 0.5, "rescale": "square"}, [0.2, 0.4]),
    ("cagrad", {"c": 0.5, "rescale": "linear"}, [1 / 6, 1 / 3]),
    ("aligned_mtl", {}, [(5 - ROOT_5) / 10, 3 * (5 - ROOT_5) / 10]),
    ("aligned_mtl", {"reduction": "mean"}, [(5 - ROOT_5) / 20, 3 * (5 - ROOT_5) / 20]),
    ("upgrad", {}, [0.25, 0.75]),
    ("dualproj", {}, [0.0, 0.5]),
    ("config", {}, [ROOT_2 / 4, (2 + ROOT_2) / 4]),
    ("sdmgrad", {"pull": 0.0}, [0.2, 0.4]),
    # The gradients' norms are (1, sqrt 2) and their losses 1: all are made as long as the second.
    ("db_mtl", {}, [ROOT_2 - 1, 1.0]),
    ("gradnorm", {}, [0.0, 1.0]),
    ("cosine_alignment", {}, [0.0, 1.0]),
    # Excess risks of the first step are the sums of absolute numbers, 1 and 2.
    ("excess_mtl", {}, [(1 - np.e) / (1 + np.e), np.e / (1 + np.e)]),
]
METHODS = sorted({name for name, _, _ in CLOSED_FORMS} | {"graddrop", "moco"})
GRAM_METHODS = sorted(set(METHODS) - {"graddrop", "moco", "db_mtl", "excess_mtl"})


@pytest.mark.parametrize(("name", "options", "expected"), CLOSED_FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_common_example_has_the_published_solution(name, options, expected, dtype):
    found = get(name, **options).aggregate(tf.constant(GRADIENTS, dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1e-6 if dtype == np.float32 else 1e-7)


ENTRIES = [
    ("mgda", {}, "mgda_exact", "output"),
    ("imtl_g", {}, "imtl_g", "paper_closed_form_output"),
    ("config", {}, "config", "output"),
    ("aligned_mtl", {}, "aligned_mtl_min_sum", "output"),
    ("aligned_mtl", {"scale": "median", "reduction": "mean"}, "aligned_mtl_median", "output"),
    ("aligned_mtl", {"scale": "rmse", "reduction": "mean"}, "aligned_mtl_rmse", "output"),
    ("upgrad", {}, "upgrad_exact", "output"),
    ("dualproj", {}, "dualproj_exact", "output"),
    ("nash_mtl", {}, "nash_mtl_exact", "output"),
    ("fairgrad", {"alpha": 0.5}, "fairgrad_alpha0.5", "newton_output"),
    ("fairgrad", {"alpha": 2.0}, "fairgrad_alpha2.0", "newton_output"),
    ("cagrad", {"c": 0.4}, "cagrad_c0.4", "scipy_output_rescale0"),
    ("cagrad", {"c": 0.5, "rescale": "square"}, "cagrad_c0.5", "scipy_output_rescale1"),
    ("cagrad", {"c": 1.0, "rescale": "linear"}, "cagrad_c1.0", "scipy_output_rescale2"),
]


@pytest.fixture(scope="module")
def cases():
    if not REFERENCE.is_file():
        pytest.skip(f"there is no {REFERENCE}")
    return json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize(("name", "options", "key", "field"), ENTRIES)
def test_reference_matrices_have_the_exact_solution(cases, name, options, key, field):
    compared = 0
    for case in cases:
        expected = case["aggregators"][key].get(field)
        # The reference decides the rank of badly scaled rows by squared singular values, good to 1e-4 there.
        tolerance = 1e-3 if (name, case["name"]) == ("aligned_mtl", "t3_d6_badly_scaled") else 1e-5
        is_dependent = np.linalg.matrix_rank(case["matrix"]) < case["T"]
        if expected is None or (name == "imtl_g" and is_dependent):
            continue
        found = get(name, **options).aggregate(tf.constant(case["matrix"], tf.float64)).numpy()
        # Where the solution is zero, the solvers of the reference are within 1e-8 of it.
        length = max(np.linalg.norm(expected), 1e-3 * np.linalg.norm(case["matrix"], axis=1).max())
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * length, err_msg=case["name"])
        compared += 1
    assert compared >= 6


def orders_of(table):
    return np.array([[j for j in row if j != i] for i, row in enumerate(table)], np.int32)


def test_projections_in_given_orders_are_those_of_the_reference(cases):
    for case in cases:
        gradients, count = np.array(case["matrix"]), case["T"]
        gram = tf.constant(gradients @ gradients.T)
        for key, table in (
            ("pcgrad_fixed_order", [range(count)] * count),
            ("pcgrad_seed0", case["aggregators"]["pcgrad_seed0"]["orders_drawn"]),
        ):
            weights = get("pcgrad").projected(gram, tf.constant(orders_of(table))).numpy()
            np.testing.assert_allclose(gradients.T @ weights, case["aggregators"][key]["output"], rtol=1e-9)


def test_three_steps_of_vaccination_are_those_of_the_reference(cases):
    for case in cases:
        entry, count = case["aggregators"]["gradvac_3steps_seed0"], case["T"]
        others = orders_of([range(count)] * count)
        method = get("gradvac", beta=0.5)
        method.build(count, dtype="float64")
        for step, picked in enumerate(entry["perm_indices_into_others"]):
            gradients = np.array(case["matrix"])
            if step == 1:
                gradients[1::2] *= -1
            orders = np.int32([[others[i][k] for k in row] for i, row in enumerate(picked)])
            weights = method.vaccinated(
                tf.constant(gradients @ gradients.T), tf.ones([count], tf.bool), tf.constant(orders)
            )
            # The reference adds 1e-8 to norms, which shows where a norm is 1e-3.
            np.testing.assert_allclose(gradients.T @ weights.numpy(), entry["outputs"][step], rtol=1e-4, atol=1e-7)


def test_drawn_signs_and_excess_risks_are_those_of_the_reference(cases):
    for case in cases:
        gradients, entries = tf.constant(case["matrix"], tf.float64), case["aggregators"]
        uniform = tf.constant(entries["graddrop_seed0"]["uniforms_drawn"], tf.float64)
        np.testing.assert_allclose(get("graddrop").dropped(gradients, uniform), entries["graddrop_seed0"]["output"])
        method = get("excess_mtl")
        for factor, expected in zip((1.0, 0.5, 0.25), entries["excess_mtl_3steps"]["outputs"], strict=True):
            np.testing.assert_allclose(method.aggregate(factor * gradients), expected, rtol=1e-5, atol=1e-9)


def test_the_published_step_of_gradnorm():
    method = get("gradnorm", alpha=1.0, learning_rate=0.1)
    values = [[1.0, 1.0], [1.0, ROOT_2], [0.5, 1.0]]
    moved = method.moved(*(tf.constant(row, tf.float64) for row in values), tf.constant([True, True]))
    np.testing.assert_allclose(moved, [0.881738595758452, 1.1182614042415477], rtol=1e-12)


HARD = {
    "zero": np.zeros([3, 4]),
    "one zero": np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]),
    "identical": np.ones([3, 5]),
    "opposite": np.array([[1.0, 2.0], [-1.0, -2.0]]),
    "more tasks than directions": np.random.default_rng(0).normal(size=[6, 2]),
    "badly scaled": np.random.default_rng(1).normal(size=[3, 8]) * np.array([[1e-3], [1.0], [1e3]]),
    "one task": np.array([[1.0, -2.0]]),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("scale", "dtype"), [(1e-6, np.float32), (1.0, np.float64), (1e6, np.float32)])
def test_no_gradients_make_an_update_that_is_not_finite(name, scale, dtype):
    for gradients in HARD.values():
        assert np.isfinite(get(name).aggregate(tf.constant(scale * gradients, dtype))).all()


@pytest.mark.parametrize("name", METHODS)
def test_an_absent_task_takes_no_part(name):
    gradients = np.random.default_rng(2).normal(size=[3, 6])
    present = tf.constant([True, False, True])
    found = get(name).aggregate(tf.constant(gradients), present=present).numpy()
    if name == "moco":
        # Its weights are those of three tasks; one third belongs to the gradient that has not been seen.
        assert np.isfinite(found).all()
        return
    expected = get(name).aggregate(tf.constant(gradients[[0, 2]])).numpy()
    if name == "graddrop":
        drawn = tf.random.stateless_uniform([6], seed=[0, 0], dtype=tf.float64, alg="philox")
        expected = get(name).dropped(tf.constant(gradients[[0, 2]]), drawn).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


matrices = st.integers(0, 10_000).flatmap(
    lambda seed: st.tuples(st.just(seed), st.integers(2, 5), st.integers(2, 8), st.sampled_from([1e-3, 1.0, 1e3]))
)


def drawn(case):
    seed, tasks, size, spread = case
    generator = np.random.default_rng(seed)
    return generator.normal(size=[tasks, size]) * spread ** generator.uniform(-1, 1, size=[tasks, 1])


@settings(max_examples=8, deadline=None)
@given(matrices)
def test_projected_updates_hurt_no_task(case):
    gradients = drawn(case)
    for name in ("upgrad", "dualproj", "mgda"):
        update = get(name).aggregate(tf.constant(gradients)).numpy()
        inner = gradients @ update
        norms = np.linalg.norm(gradients, axis=1)
        assert (inner >= -1e-7 * norms * norms.max()).all()


@settings(max_examples=3, deadline=None)
@given(matrices)
def test_the_order_of_tasks_does_not_matter(case):
    gradients = drawn(case)
    order = np.random.default_rng(case[0] + 1).permutation(len(gradients))
    for name in set(GRAM_METHODS) - {"pcgrad", "gradvac"}:
        updates = [get(name).aggregate(tf.constant(rows)).numpy() for rows in (gradients, gradients[order])]
        length = max(np.linalg.norm(gradients, axis=1).max(), np.linalg.norm(updates[0]))
        np.testing.assert_allclose(updates[1], updates[0], rtol=0, atol=1e-5 * length, err_msg=name)


@settings(max_examples=3, deadline=None)
@given(matrices, st.sampled_from([1e-6, 1e-2, 1e3, 1e6]))
def test_updates_follow_the_scale_of_all_gradients(case, scale):
    gradients = drawn(case)
    # The fair equation fixes the length: G a = 1 / a gives weights that fall as gradients grow.
    powers = {"nash_mtl": 0.0, "fairgrad": 0.0}
    for name in GRAM_METHODS:
        updates = [get(name).aggregate(tf.constant(rows)).numpy() for rows in (gradients, scale * gradients)]
        expected = updates[0] * scale ** powers.get(name, 1.0)
        floor = 1.0 if name in powers else scale * np.linalg.norm(gradients, axis=1).max()
        length = max(np.linalg.norm(expected), 1e-2 * floor)
        np.testing.assert_allclose(updates[1], expected, rtol=0, atol=1e-4 * length, err_msg=name)


def test_nash_weights_solve_their_equation_where_tasks_conflict():
    generator = np.random.default_rng(3)
    for _ in range(20):
        gradients = generator.normal(size=[4, 6]) * 10 ** generator.uniform(-3, 3, size=[4, 1])
        update = get("nash_mtl").aggregate(tf.constant(gradients)).numpy()
        weights = np.linalg.lstsq(gradients.T, update, rcond=None)[0]
        np.testing.assert_allclose(gradients @ update * weights, 1.0, rtol=1e-5)
