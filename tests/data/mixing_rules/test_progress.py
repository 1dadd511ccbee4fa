import math

import pytest

from tests.data.evidence import evidence, rule


def test_progress_averages_speeds_and_draws_what_is_forgotten_too():
    losses = [{"one": 1.0, "three": 1.0}, {"one": 0.8, "three": 1.0}, {"one": 0.8, "three": 1.1}]
    # Q of a: 0.2, then 0.25 * 0 + 0.75 * 0.2 = 0.15; of b: 0, then 0.25 * 0.1 = 0.025.
    weights = rule("progress", smoothing=0.25, temperature=0.5).weights(evidence(*losses))
    assert weights["b"] / weights["a"] == pytest.approx(math.exp((0.025 - 0.15) / 0.15 / 0.5))
