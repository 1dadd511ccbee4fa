"""The possible faults of a request, in the terms of each protocol."""

import enum
import re

import grpc


class Fault(enum.Enum):
    """A kind of failure: its HTTP status and its gRPC code."""

    INVALID = (400, grpc.StatusCode.INVALID_ARGUMENT)
    FORBIDDEN = (403, grpc.StatusCode.PERMISSION_DENIED)
    NOT_FOUND = (404, grpc.StatusCode.NOT_FOUND)
    SLOW_CLIENT = (408, grpc.StatusCode.DEADLINE_EXCEEDED)
    TOO_LARGE = (413, grpc.StatusCode.RESOURCE_EXHAUSTED)
    OTHER_TYPE = (415, grpc.StatusCode.INVALID_ARGUMENT)
    INTERNAL = (500, grpc.StatusCode.INTERNAL)
    OVERLOADED = (503, grpc.StatusCode.RESOURCE_EXHAUSTED)
    UNAVAILABLE = (503, grpc.StatusCode.UNAVAILABLE)
    TOO_SLOW = (504, grpc.StatusCode.DEADLINE_EXCEEDED)

    @property
    def http_status(self) -> int:
        return self.value[0]

    @property
    def grpc_code(self) -> grpc.StatusCode:
        return self.value[1]


_LONGEST = 400
"""The maximum number of characters in a message: gRPC sends it in a header, which a client's input must not fill."""


def shortened(message: str) -> str:
    """Returns a message, without its middle part if it is too long to be sent."""
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST // 2]}...{message[-_LONGEST // 2 :]}"


_PATH = re.compile(r"(?<![\w.])/(?:[^\s/'\",:;]+/)*([^\s/'\",:;]+)")


def without_paths(message: str) -> str:
    """Returns a message in which only the last part of an absolute path is left: clients need not know the others.

    >>> without_paths("/srv/models/tiny/3: damaged: there is no '/srv/models/tiny/3/saved_model.pb'")
    "3: damaged: there is no 'saved_model.pb'"
    """
    return _PATH.sub(r"\1", message)


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        fault: the kind of the failure.
        message: one line for the client; its middle part is left out if it is long.
    """

    def __init__(self, fault: Fault, message: str):
        super().__init__(shortened(message))
        self.fault = fault


def check_rows(rows: int, most: int) -> None:
    """Raises `RequestError` if a request has more rows than are allowed."""
    if rows > most:
        raise RequestError(Fault.INVALID, f"the request has {rows} rows; at most {most} are allowed")


def internal(error: Exception) -> str:
    """Returns what a client is told of a failure that is not its own: only the log has what may tell of the server."""
    return f"{type(error).__name__}: the request failed; the server's log says why"
