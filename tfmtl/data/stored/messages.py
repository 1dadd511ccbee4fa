"""What is said while an entry of the cache is made, to be said again when it is found."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_logger = logging.getLogger("tfmtl")


@contextmanager
def heard() -> Iterator[list[tuple[int, str]]]:
    """Yields a list to which the levels and texts of messages are added while the block runs."""
    messages: list[tuple[int, str]] = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append((record.levelno, record.getMessage()))
    _logger.addHandler(handler)
    try:
        yield messages
    finally:
        _logger.removeHandler(handler)


def say_again(messages: Sequence[tuple[int, str]]) -> None:
    """Says what `heard` has heard."""
    for level, text in messages:
        _logger.log(level, "%s", text)
