import pytest

from tfmtl.core.values import as_written, is_absent, one_way


@pytest.mark.parametrize(("value", "expected"), [(None, True), ("", True), (" \t", True), ("a", False), (0, False)])
def test_absent(value, expected):
    assert is_absent(value) is expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-3.0, "-3"),
        (1.5, "1.5"),
        (7, "7"),
        (2.0**53 - 1, "9007199254740991"),
        (1e300, "1e+300"),
        (float("inf"), "inf"),
        (True, "true"),
        (False, "false"),
        ("1.0", "1.0"),
        ("True", "True"),
    ],
)
def test_whole_numbers_are_written_without_a_fraction_and_texts_as_they_are(value, text):
    assert as_written(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0", "1"),
        ("-3.00", "-3"),
        ("-0.0", "0"),
        ("True", "true"),
        ("FALSE", "false"),
        ("1", "1"),
        ("1.50", "1.50"),
        ("01.0", "1"),
        ("1.0.0", "1.0.0"),
        ("1e3", "1e3"),
        ("yes", "yes"),
        ("Trueish", "Trueish"),
    ],
)
def test_texts_of_whole_numbers_and_booleans_have_one_way(text, expected):
    assert one_way(text) == expected
