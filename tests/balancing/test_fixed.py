from tfmtl.registry import BALANCING


def test_a_task_that_is_not_named_weighs_one():
    entry = BALANCING.get("fixed")
    method = entry.build(entry.options(weights={"b": 0.5}))
    assert method.initial_weights(["a", "b"]) == [1.0, 0.5]
