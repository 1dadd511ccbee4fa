"""Whole numbers in names and arguments: one rule for all of them."""


def whole_number(text: str) -> int | None:
    """Returns the whole number that a text is, such as the name of a folder or an argument; `None` if it is none.

    It has ASCII digits alone and less than 64 bits. Python's `isdigit` accepts more characters than `int` reads, and
    `int` raises an error for thousands of digits.

    >>> whole_number("07"), whole_number("-1"), whole_number("²"), whole_number("9" * 5000)
    (7, None, None, None)
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    number = int(text)
    return number if number < 1 << 63 else None
