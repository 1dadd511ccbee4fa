from tfmtl.metrics.references import by_position


def test_rows_with_fewer_references_have_none_at_later_positions():
    assert by_position([("a", "b"), ("c",), ("d", "e", "f")]) == [["a", "c", "d"], ["b", None, "e"], [None, None, "f"]]
