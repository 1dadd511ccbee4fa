import logging
import sys

import pytest

from tfmtl.core.messages import show_messages, visible


@pytest.fixture
def begin(monkeypatch):
    """Returns what returns the package's logger in a program that has not set up logging."""

    def bare() -> logging.Logger:
        logger = logging.getLogger("tfmtl")
        # Not when the fixture is made: pytest gives each phase of a test a handler of its own.
        for each in (logging.getLogger(), logger):
            monkeypatch.setattr(each, "handlers", [])
        logger.setLevel(logging.NOTSET)
        return logger

    before = logging.getLogger("tfmtl").level
    yield bare
    logging.getLogger("tfmtl").setLevel(before)


def test_messages_are_shown_once_where_nothing_else_shows_them(begin, capsys):
    logger = begin()
    logger.info("hidden")
    show_messages()
    show_messages()
    logger.info("%d rows are cut off", 6)
    assert capsys.readouterr().err == "6 rows are cut off\n"


def test_a_program_that_sets_up_logging_decides(begin, capsys):
    logger = begin()
    logger.setLevel(logging.WARNING)
    show_messages()
    assert not logger.handlers and logger.level == logging.WARNING
    logger.setLevel(logging.NOTSET)
    show_messages()
    logging.basicConfig(format="mine: %(message)s", stream=sys.stdout)
    logger.info("later")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("mine: later\n", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("a\rb\x9bm", "a\\rb\\x9bm"),
        ("a\u202eb", "a\\u202eb"),
        ("naïve\t词\n", "naïve\t词\n"),
    ],
)
def test_a_text_from_a_file_cannot_direct_the_terminal(begin, capsys, text, expected):
    assert visible(text) == expected
    begin()
    show_messages()
    logging.getLogger("tfmtl").warning("label %s", text)
    assert capsys.readouterr().err == f"label {expected}\n"
