import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.json_text import parse_json


def test_a_text_is_what_it_describes():
    assert parse_json('{"a": [1, null, "ü"]}', "x.json") == {"a": [1, None, "ü"]}


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ('{"a": 1,\n "b" 2}', 8, "Expecting ':' delimiter at column 6"),
        ("", 7, "Expecting value at column 1"),
        ("[" * 100_000, 7, "nested too deeply"),
        ("9" * 5000, 7, "a number has more digits than can be read"),
    ],
)
def test_what_is_none_is_told_with_its_line(text, place, reason):
    with pytest.raises(DataError) as error:
        parse_json(text, "x.json", 7)
    assert str(error.value) == f"x.json:{place}: not JSON: {reason}"


def test_a_number_that_is_none_is_missing():
    assert parse_json('[NaN, 1.5, "NaN", Infinity]', "f") == [None, 1.5, "NaN", float("inf")]
