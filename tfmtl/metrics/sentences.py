"""Sentence boundaries by a simple rule, which needs no model and no download."""

import re

_BOUNDARY = re.compile(
    r"(?<=[.!?])([\"'\u2019\u201d)\]]*)\s+(?![a-z])"
    # Full stops, exclamation and question marks that no space follows (Chinese, Japanese), or always one (Hindi, Urdu).
    r"|(?<=[\u3002\uff01\uff1f\uff61\u0964\u0965\u06d4\u061f])([\u2019\u201d\u300d\u300f\uff09]*)\s*"
)


def split_sentences(text: str) -> list[str]:
    """Returns the sentences of `text`, without empty ones.

    A sentence ends at a line break. It also ends at `.`, `!` or `?`, including any closing quotes and brackets, if
    white space follows and the next character is not a lower-case letter, and at the full stops, exclamation and
    question marks of Chinese, Japanese, Hindi, Arabic and Urdu.

    >>> split_sentences('He said "Stop." Then he left, i.e. ran. Why?')
    ['He said "Stop."', 'Then he left, i.e. ran.', 'Why?']
    """
    lines = _BOUNDARY.sub(r"\1\2\n", text).splitlines()
    return [line.strip() for line in lines if line.strip()]
