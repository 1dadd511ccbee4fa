import math

import numpy as np
import pytest

from tests.data.evidence import evidence
from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule, rates_of


class Given(MixingRule):
    def __init__(self, weights, keeps_floor=True):
        super().__init__(Options())
        self._weights = weights
        self.keeps_floor = keeps_floor

    def weights(self, evidence):
        return self._weights


def test_rates_follow_weights_down_to_a_floor():
    assert rates_of(Given({"a": 1.0, "b": 3.0}), evidence(), 0.2) == pytest.approx({"a": 0.35, "b": 0.65})
    assert rates_of(Given({"a": 1.0, "b": 0.0}), evidence(), 0.2) == pytest.approx({"a": 0.95, "b": 0.05})
    assert rates_of(Given({"a": 1.0, "b": 0.0}, keeps_floor=False), evidence(), 0.2) == {"a": 1.0, "b": 0.0}


@pytest.mark.parametrize("weights", [None, {}, {"a": 0.0, "b": 0.0}])
def test_rates_are_the_first_ones_where_nothing_is_known(weights):
    assert rates_of(Given(weights), evidence(), 0.2) == {"a": 0.75, "b": 0.25}


def test_a_stream_without_a_weight_has_the_mean_of_the_others():
    three = Evidence({}, {"a": 0.2, "b": 0.3, "c": 0.5}, 3, [], [])
    assert rates_of(Given({"a": 1.0, "b": 2.0}), three, 0.0) == pytest.approx(
        {"a": 1 / 4.5, "b": 2 / 4.5, "c": 1.5 / 4.5}, abs=1e-4
    )


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_a_rule_that_gives_no_weights_is_an_error_of_the_rule(weight):
    with pytest.raises(ValueError, match="Given"):
        rates_of(Given({"a": weight, "b": 1.0}), evidence(), 0.0)


def test_drops_are_means_of_the_tasks_of_a_stream_that_have_a_loss():
    losses = {"one": 2.0, "two": 4.0, "three": 0.0}, {"one": 1.0, "two": 5.0, "three": 0.0}
    assert evidence(*losses).drops() == [{"a": (0.5 - 0.25) / 2}]


@pytest.mark.parametrize("entry", MIXING_RULES, ids=lambda entry: entry.name)
def test_every_rule_begins_with_first_rates_and_is_a_function_of_what_is_recorded(entry):
    given = {
        "affinity": {"affinity": {"one": {"one": 0.2, "three": 0.1}, "three": {"three": 0.3}}},
        "curriculum": {"order": [["one"], ["three"]]},
        "gap": {"scores": {"one": 0.9, "two": 0.8, "three": 0.5}},
    }
    found = entry.build(entry.options(**given.get(entry.name, {})))
    generator = np.random.default_rng(0)
    rates, losses, scores = [], [], []
    for _ in range(4):
        known = evidence(*losses, rates=rates, scores=scores)
        rates.append(rates_of(found, known, 0.1))
        assert rates[-1] == rates_of(entry.build(found.options), known, 0.1)
        assert sum(rates[-1].values()) == pytest.approx(1.0)
        losses.append(dict(zip(("one", "two", "three"), generator.uniform(0.5, 1.0, 3).tolist(), strict=True)))
        scores.append(dict(zip(("one", "two", "three"), generator.uniform(0.0, 0.6, 3).tolist(), strict=True)))
    assert rates[0] == {"a": 1.0, "b": 0.0} if entry.name == "curriculum" else rates[0] == {"a": 0.75, "b": 0.25}
    assert rates[0] != rates[3]
