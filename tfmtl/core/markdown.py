"""Tables and escaped text for the Markdown that tfmtl writes."""

import re
from collections.abc import Iterable, Sequence

_MARKUP = re.compile(r"[\\`*\[\]{}|<>$#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Returns the lines of a Markdown table; the cells are Markdown already."""
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    return [lines[0], "|" + " --- |" * len(header), *lines[1:]]


def plain(text: object, longest: int | None = None) -> str:
    """Returns `text` on one line, escaped so that Markdown shows it literally; cut after `longest` characters."""
    line = " ".join(str(text).split())
    if longest is not None and len(line) > longest:
        line = f"{line[:longest].rstrip()}\u2026"
    return _MARKUP.sub(r"\\\g<0>", line)
