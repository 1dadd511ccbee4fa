import numpy as np
import pytest

from tests.data.evidence import evidence, rule


def test_the_bandit_is_exp3s_with_the_mean_reward_of_an_epoch():
    losses = [{"one": 1.0, "three": 1.0}, {"one": 0.9, "three": 0.9}, {"one": 0.45, "three": 0.9}]
    first, second = {"a": 0.75, "b": 0.25}, {"a": 0.5, "b": 0.5}
    # Falls by 0.1 and 0.1, at rates 1/2 and 1/2: no difference. Then by 1/2 and 0, at rates 1/4 and 3/4.
    rates = [first, second, {"a": 0.25, "b": 0.75}]
    weights = rule("bandit", rate=0.5).weights(evidence(*losses, rates=rates))
    low, high = np.quantile([0.2, 0.2, 2.0, 0.0], [0.2, 0.8])
    scaled = np.clip(2 * (np.array([2.0, 0.0]) - low) / (high - low) - 1, -1, 1)
    raised = np.exp(0.5 * scaled)
    expected = (1 - 1 / 3) * raised + (1 / 3) * raised[::-1]
    assert weights["a"] / weights["b"] == pytest.approx(expected[0] / expected[1])
