import pytest

from tfmtl.core.whole_number import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("12", 12), ("007", 7), (str(2**63 - 1), 2**63 - 1)])
def test_ascii_digits_are_a_whole_number(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", " 1", "1_0", "²", "٣", "１", "x", "None", str(2**63), "9" * 5000]
)
def test_everything_else_is_none(text):
    assert whole_number(text) is None
