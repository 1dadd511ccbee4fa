import pytest

from tfmtl.core.errors import DataError
from tfmtl.data.texts import text_of_fields


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"a": "as it\nis "}, "as it\nis "),
        ({"a": None}, ""),
        ({"a": ["One.", "Two."]}, "One. Two."),
        ({"a": 3.0}, "3"),
        ({"a": "title", "b": "body"}, "title\nbody"),
        ({"b": "body", "a": 12, "c": ["d", "e"]}, "body\n12\nd e"),
        # What is missing leaves no empty line.
        ({"a": "title", "b": None, "c": "  ", "d": "body"}, "title\nbody"),
        ({"a": None, "b": "body"}, "body"),
        ({"a": None, "b": " "}, ""),
    ],
)
def test_the_text_of_a_row(values, text):
    assert text_of_fields(values, "a.jsonl:1") == text


@pytest.mark.parametrize("value", [True, {"a": "b"}, ["a", 3]])
def test_what_is_no_text_is_told_with_its_field(value):
    with pytest.raises(DataError, match=r"^a\.jsonl:1: 'b' is not a text: "):
        text_of_fields({"a": "x", "b": value}, "a.jsonl:1")
