from tests.data.evidence import evidence, rule


def test_a_curriculum_goes_on_when_losses_stop_falling_or_at_the_latest():
    order = {"order": [["one", "two"], ["three"]], "tolerance": 0.1, "complete": 0.5}
    falling = [{"one": 0.8**n, "two": 0.8**n, "three": 1.0} for n in range(6)]
    opened = [rule("curriculum", **order).weights(evidence(*falling[:n]))["b"] > 0 for n in range(7)]
    # Of ten epochs, the fifth is the last one before which a group can be missing.
    assert opened == [False] * 5 + [True] * 2
    flat = [{"one": 1.0, "two": 1.0, "three": 1.0}, {"one": 0.95, "two": 0.95, "three": 0.2}]
    assert rule("curriculum", **order).weights(evidence(*flat[:1])) == {"a": 0.75, "b": 0.0}
    assert rule("curriculum", **order).weights(evidence(*flat)) == {"a": 0.75, "b": 0.25}
