"""Shows the messages of the package to programs that have not set up logging."""

import logging
import re

# And those that reorder what follows them on a line (Unicode Standard Annex 9).
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Returns a text with escapes for control characters, by which a file could direct the user's terminal.

    >>> visible("a label in \x1b[31mred")
    'a label in \\x1b[31mred'
    """
    return _CONTROL_CHARACTERS.sub(lambda found: repr(found[0])[1:-1], text)


class VisibleFormatter(logging.Formatter):
    """Formats messages alone, without their time and level, and with their control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, or lines, of a record."""
        return visible(super().format(record))


def show_messages() -> None:
    """Makes the package write its messages to standard error, unless the program has set up logging.

    Otherwise Python would show warnings alone, and drop the lines that say what is cut, left out or left at a default.
    A program that sets up logging later, for example by `logging.basicConfig`, decides from then on.
    """
    logger = logging.getLogger("tfmtl")
    if logger.hasHandlers() or logger.level != logging.NOTSET:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter())
    handler.addFilter(lambda record: not logging.getLogger().handlers)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
