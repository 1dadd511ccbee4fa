"""The spans of words that tags mark.

The rules are those of `conlleval` (Tjong Kim Sang and Buchholz 2000) and of seqeval's default mode. A span begins at
`B-x`, or at `I-x` if no span of x is open; it goes on with `I-x`. With the prefixes of IOBES, `E-x` is the last word of
a span, and `S-x` one of its own. A tag without such a prefix is about a single word (`conlleval -r`); `O` is no tag.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

OUTSIDE = "O"
"""The tag of a word that belongs to no span."""

_PREFIXED = re.compile(r"([BIES])(?:-(.*))?", re.DOTALL)
_NAMELESS = "_"
"""The label of spans whose tags are prefixes alone."""


class Span(NamedTuple):
    """A span of words.

    Attributes:
        label: what it is.
        first: the index of its first word.
        end: the index behind its last word.
    """

    label: str
    first: int
    end: int


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Returns the spans of a text, in order.

    >>> spans_of(["B-city", "I-city", "O", "I-date", "B-date"])
    [Span(label='city', first=0, end=2), Span(label='date', first=3, end=4), Span(label='date', first=4, end=5)]
    """
    spans: list[Span] = []
    before = ("", "")
    for word, tag in enumerate(tags):
        prefix, label = _parts(tag)
        if prefix in "IE" and before[0] in ("B", "I") and before[1] == label:
            spans[-1] = spans[-1]._replace(end=word + 1)
        elif tag != OUTSIDE:
            spans.append(Span(label, word, word + 1))
        before = ("", "") if tag == OUTSIDE else (prefix, label)
    return spans


def _parts(tag: str) -> tuple[str, str]:
    """Returns the prefix and the label of a tag; a tag without a prefix is a word of its own, like one with `S-`."""
    found = _PREFIXED.fullmatch(tag)
    return ("S", tag) if found is None else (found[1], found[2] or _NAMELESS)


def spans_as_json(tags: Sequence[str], text: str) -> list[dict[str, Any]]:
    """Returns the spans of a text with their offsets in characters of its words, joined by one space."""
    words = text.split()
    joined, begins, position = " ".join(words), [], 0
    for word in words:
        begins.append(position)
        position += len(word) + 1
    found = []
    for span in spans_of(tags):
        start, end = begins[span.first], begins[span.end - 1] + len(words[span.end - 1])
        found.append({"label": span.label, "start": start, "end": end, "text": joined[start:end]})
    return found
