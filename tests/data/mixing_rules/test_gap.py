import pytest

from tests.data.evidence import evidence, rule


def test_gaps_are_shares_of_the_score_to_reach():
    scores = [{}, {"one": 0.6, "two": 0.9, "three": 0.2}]
    weights = rule("gap", scores={"one": 0.8, "two": 0.6, "three": 0.4}).weights(evidence({}, {}, scores=scores))
    assert weights == pytest.approx({"a": (0.25 + 0.0) / 2, "b": 0.5})
