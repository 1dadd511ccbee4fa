import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.balancing.reference import aggregate, assert_common_example, assert_reference, random_gradients


@pytest.mark.parametrize(("rescale", "divisor"), [("none", 1.0), ("square", 1.25), ("linear", 1.5)])
def test_the_common_example_has_the_published_solution(rescale, divisor):
    assert_common_example("cagrad", [0.25 / divisor, 0.5 / divisor], c=0.5, rescale=rescale)


@pytest.mark.parametrize(("c", "rescale", "field"), [(0.4, "none", 0), (0.5, "square", 1), (1.0, "linear", 2)], ids=str)
def test_reference_matrices_have_the_exact_solution(c, rescale, field):
    assert_reference("cagrad", f"cagrad_c{c}", f"scipy_output_rescale{field}", c=c, rescale=rescale)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 0.9))
def test_no_direction_so_near_the_mean_helps_the_least_helped_more(seed, c):
    """The problem before its dual, as the paper states it: no other vector of the ball is better."""
    gradients = random_gradients(seed, tasks=3, size=4)
    mean, update = gradients.mean(axis=0), aggregate("cagrad", gradients, c=c)
    radius = c * np.linalg.norm(mean)
    assert np.linalg.norm(update - mean) <= radius * (1 + 1e-6)
    directions = np.random.default_rng(seed).normal(size=[200, 4])
    others = mean + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    assert (gradients @ update).min() >= (others @ gradients.T).min(axis=1).max() - 1e-7


def test_without_freedom_it_is_the_mean():
    gradients = random_gradients(3)
    np.testing.assert_allclose(aggregate("cagrad", gradients, c=0.0), gradients.mean(axis=0), atol=1e-12)


STRONG_CONFLICTS = [
    ([[0, -1], [3, 3], [-3, -2], [1, -2]], 0.5),
    ([[0, 1], [1, -3], [-3, 3]], 0.9),
    ([[-2, 3, 0], [0.2, 0.3, -0.2], [0, -30, 10], [-20, 20, -20]], 0.4),
]


def helped_least(gradients, c):
    """The best `min_i g_i . d` of the ball, by another solver on the problem before its dual."""
    mean = gradients.mean(axis=0)
    length, best = np.linalg.norm(mean), -np.inf
    unit, lengths = mean / length, np.linalg.norm(gradients, axis=1)
    constraints = [
        {"type": "ineq", "fun": lambda x: gradients @ x[:-1] / lengths - x[-1] * lengths.max() / lengths},
        {"type": "ineq", "fun": lambda x: c**2 - np.sum((x[:-1] - unit) ** 2)},
    ]
    for start in np.random.default_rng(0).normal(size=[4, len(mean)]):
        first = unit + 0.5 * c * start / np.linalg.norm(start)
        slack = (gradients @ first).min() / lengths.max()
        found = minimize(lambda x: -x[-1], [*first, slack], constraints=constraints, options={"ftol": 1e-14}).x[:-1]
        inside = unit + (found - unit) * min(1.0, c / np.linalg.norm(found - unit))
        best = max(best, (gradients @ inside).min())
    return best * length


@pytest.mark.parametrize(("gradients", "c"), STRONG_CONFLICTS)
def test_strong_conflicts_are_solved_too(gradients, c):
    gradients = np.array(gradients, float)
    update = aggregate("cagrad", gradients, c=c)
    assert np.linalg.norm(update - gradients.mean(axis=0)) <= c * np.linalg.norm(gradients.mean(axis=0)) * (1 + 1e-9)
    assert (gradients @ update).min() == pytest.approx(helped_least(gradients, c), abs=1e-6)


def test_where_no_task_can_be_helped_without_hurting_another_none_is_hurt():
    """Zero lies in the hull of the first two; the nearest vector to the mean that hurts neither has no x."""
    for first in (1.0, 1.3):
        gradients = [[first, 0.0], [-1.0, 0.0], [0.0, 3.0]]
        np.testing.assert_allclose(aggregate("cagrad", gradients, c=0.5), [0.0, 1.0], atol=1e-6)
