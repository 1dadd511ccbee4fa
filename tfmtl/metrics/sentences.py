"""Sentence boundaries by a simple rule, which needs no model and no download."""

import re

_BOUNDARY = re.compile(r"(?<=[.!?])([\"'\u2019\u201d)\]]*)\s+(?![a-z])")


def split_sentences(text: str) -> list[str]:
    """Returns the sentences of `text`, without empty ones.

    A sentence ends at a line break. It also ends at `.`, `!` or `?`, including any closing quotes and brackets, if
    white space follows and the next character is not a lower-case letter.

    >>> split_sentences('He said "Stop." Then he left, i.e. ran. Why?')
    ['He said "Stop."', 'Then he left, i.e. ran.', 'Why?']
    """
    lines = _BOUNDARY.sub(r"\1\n", text).splitlines()
    return [line.strip() for line in lines if line.strip()]
