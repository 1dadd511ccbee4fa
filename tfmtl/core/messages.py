"""Shows the messages of the package to programs that have not set up logging."""

import logging


def show_messages() -> None:
    """Makes the package write its messages to standard error, unless the program has set up logging.

    Otherwise Python would show warnings alone, and drop the lines that say what is cut, left out or left at a default.
    A program that sets up logging later, for example by `logging.basicConfig`, decides from then on.
    """
    logger = logging.getLogger("tfmtl")
    if logger.hasHandlers() or logger.level != logging.NOTSET:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.addFilter(lambda record: not logging.getLogger().handlers)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
