"""Where one sentence of a text ends and the next begins, by a rule that needs no model and no download."""

import re

_BOUNDARY = re.compile(r"(?<=[.!?])([\"'\u2019\u201d)\]]*)\s+(?![a-z])")


def split_sentences(text: str) -> list[str]:
    """Splits `text` into sentences, none of them empty.

    A sentence ends at a line break, and at `.`, `!` or `?` (with the quotes and brackets that it closes) before white
    space, unless a lower-case letter follows.

    >>> split_sentences('He said "Stop." Then he left, i.e. ran. Why?')
    ['He said "Stop."', 'Then he left, i.e. ran.', 'Why?']
    """
    lines = _BOUNDARY.sub(r"\1\n", text).splitlines()
    return [line.strip() for line in lines if line.strip()]
