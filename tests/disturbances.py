"""Disturbs what writes files, at any of the moments at which the disk is touched."""

import errno
import os
import signal
from collections.abc import Callable

import pytest

from tfmtl.core.errors import UserError

FAULTS = ("ENOSPC", "EIO", "SIGTERM", "SIGKILL")
_MOMENTS = ("fsync", "replace", "rename")
_DEAD = 1 << 30
_CLEANUP = ("unlink", "remove", "rmdir")


class Killed(BaseException):
    """The end of a process that is killed: nothing that would come after it reaches the disk any more."""


class Moments:
    """Counts how often the disk is touched, and does something at one of the times.

    Args:
        monkeypatch: pytest's; undone by whoever has it.
        number: the time, from 1; 0 is never.
        fault: what happens then: one of `FAULTS`.
    """

    def __init__(self, monkeypatch, number: int = 0, fault: str = ""):
        self.count = 0
        self._number = number
        self._fault = fault
        self._killed = False
        for name in (*_MOMENTS, *_CLEANUP):
            monkeypatch.setattr(os, name, self._disturbed(getattr(os, name), name in _MOMENTS))

    def _disturbed(self, function: Callable, is_moment: bool) -> Callable:
        def disturbed(*arguments, **keywords):
            self.count += is_moment
            if self._killed or (is_moment and self.count == self._number):
                self._happen()
            return function(*arguments, **keywords)

        return disturbed

    def _happen(self) -> None:
        if self._fault == "SIGKILL":
            self._killed = True
            raise Killed
        if self._fault == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            number = getattr(errno, self._fault)
            raise OSError(number, os.strerror(number))


def touches(write: Callable[[], object]) -> int:
    """Returns how often `write` touches the disk."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        moments = Moments(monkeypatch)
        write()
    return moments.count


def disturb(write: Callable[[], object], number: int, fault: str) -> None:
    """Runs `write`, which must end with one line, or as the signal ends it.

    Args:
        write: what writes.
        number: the time at which it is disturbed.
        fault: one of `FAULTS`.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as monkeypatch:
            Moments(monkeypatch, number, fault)
            if fault == "SIGKILL":
                # What it leaves bears the number of a process that does not live.
                monkeypatch.setattr(os, "getpid", lambda: _DEAD)
            with pytest.raises((KeyboardInterrupt, Killed, UserError, OSError)) as caught:
                write()
    finally:
        signal.signal(signal.SIGTERM, before)
    error = caught.value
    expected = {"SIGTERM": KeyboardInterrupt, "SIGKILL": Killed}.get(fault, UserError | OSError)
    assert isinstance(error, expected), error
    # The command line makes one line of an error of the system if it has the name of a file.
    assert not isinstance(error, OSError) or error.filename is not None, error
    assert "\n" not in str(error)
