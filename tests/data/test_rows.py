from hypothesis import given, settings
from hypothesis import strategies as st

from tfmtl.data.rows import Rows, joined


def rows(name, values):
    return Rows({"a": list(values), "b": [-value for value in values]}, lambda row: f"{name}:{row}")


def test_taken_rows_keep_their_places():
    taken = rows("x", [10, 11, 12, 13]).take([3, 1])
    assert taken.columns == {"a": [13, 11], "b": [-13, -11]}
    assert [taken.place(row) for row in range(2)] == ["x:3", "x:1"]


def test_rows_without_columns_are_none():
    assert len(Rows({}, str)) == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(), max_size=4), min_size=1, max_size=5))
def test_joined_parts_are_one_after_the_other_with_their_own_places(parts):
    whole = joined([rows(f"part{number}", values) for number, values in enumerate(parts)])
    expected = [
        (value, f"part{number}:{row}") for number, values in enumerate(parts) for row, value in enumerate(values)
    ]
    assert [(value, whole.place(row)) for row, value in enumerate(whole.columns["a"])] == expected
