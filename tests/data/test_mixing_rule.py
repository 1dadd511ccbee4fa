import json
import math

import numpy as np
import pytest

from tfmtl.core.errors import ConfigurationError
from tfmtl.core.registry import MIXING_RULES, Options
from tfmtl.data.mixing_rule import Evidence, MixingRule, rates_of

TASKS = {"a": ["one", "two"], "b": ["three"]}


def evidence(*losses, rates=(), scores=(), epochs=10, start=None):
    """What is known after so many epochs with the given losses, each a dict by task."""
    start = start or {"a": 0.75, "b": 0.25}
    return Evidence(TASKS, start, epochs, rates or [start] * len(losses), losses, scores)


def rule(name, **options):
    entry = MIXING_RULES.get(name)
    return entry.build(entry.options(**options))


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


def test_progress_averages_speeds_and_draws_what_is_forgotten_too():
    losses = [{"one": 1.0, "three": 1.0}, {"one": 0.8, "three": 1.0}, {"one": 0.8, "three": 1.1}]
    # Q of a: 0.2, then 0.25 * 0 + 0.75 * 0.2 = 0.15; of b: 0, then 0.25 * 0.1 = 0.025.
    weights = rule("progress", smoothing=0.25, temperature=0.5).weights(evidence(*losses))
    assert weights["b"] / weights["a"] == pytest.approx(math.exp((0.025 - 0.15) / 0.15 / 0.5))


def test_gaps_are_shares_of_the_score_to_reach():
    scores = [{}, {"one": 0.6, "two": 0.9, "three": 0.2}]
    weights = rule("gap", scores={"one": 0.8, "two": 0.6, "three": 0.4}).weights(evidence({}, {}, scores=scores))
    assert weights == pytest.approx({"a": (0.25 + 0.0) / 2, "b": 0.5})


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


def test_a_curriculum_goes_on_when_losses_stop_falling_or_at_the_latest():
    order = {"order": [["one", "two"], ["three"]], "tolerance": 0.1, "complete": 0.5}
    falling = [{"one": 0.8**n, "two": 0.8**n, "three": 1.0} for n in range(6)]
    opened = [rule("curriculum", **order).weights(evidence(*falling[:n]))["b"] > 0 for n in range(7)]
    # Of ten epochs, the fifth is the last one before which a group can be missing.
    assert opened == [False] * 5 + [True] * 2
    flat = [{"one": 1.0, "two": 1.0, "three": 1.0}, {"one": 0.95, "two": 0.95, "three": 0.2}]
    assert rule("curriculum", **order).weights(evidence(*flat[:1])) == {"a": 0.75, "b": 0.0}
    assert rule("curriculum", **order).weights(evidence(*flat)) == {"a": 0.75, "b": 0.25}


def test_affinity_draws_what_helps_where_most_is_left(tmp_path):
    path = tmp_path / "affinity.json"
    names, matrix = ["one", "two", "three"], [[0.4, None, 0.1], [0.0, 0.2, -0.3], [0.2, 0.0, 0.5]]
    path.write_text(json.dumps({"tasks": names, "affinity": matrix}), encoding="utf-8")
    losses = {"one": 2.0, "two": 1.0, "three": 4.0}, {"one": 1.0, "two": 1.0, "three": 3.0}
    found = rule("affinity", affinity=str(path))
    # Left are 1/2, 1 and 3/4.
    of_tasks = 0.4 / 2 + 0.1 * 0.75, 0.2, 0.2 / 2 + 0.5 * 0.75
    weights = found.weights(evidence(*losses))
    assert weights == pytest.approx({"a": (of_tasks[0] + of_tasks[1]) / 2, "b": of_tasks[2]})
    assert found.options.affinity["one"] == {"one": 0.4, "three": 0.1}
    path.write_text("{}", encoding="utf-8")
    for broken, message in ((path, "not an 'affinity.json'"), (tmp_path / "affinity.jsno", "there is no such file")):
        with pytest.raises(ConfigurationError, match=rf"mixing\.rule\.affinity: .*{message}"):
            rule("affinity", affinity=str(broken))
