"""Tables and foreign text in the Markdown that tfmtl writes."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[\\`*\[\]{}|<>$#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Returns the lines of a table whose cells are Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    return [lines[0], "|" + " --- |" * len(header), *lines[1:]]


def plain(text: object, longest: int | None = None) -> str:
    """Returns a text on one line, such that Markdown shows it as it is; of one that is longer, the start."""
    line = " ".join(str(text).split())
    if longest is not None and len(line) > longest:
        line = f"{line[:longest].rstrip()}\u2026"
    return _MARKUP.sub(r"\\\g<0>", line)
