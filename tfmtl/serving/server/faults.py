"""What can be wrong with a request, as each protocol says it."""

import enum

import grpc


class Fault(enum.Enum):
    """A kind of failure: its HTTP status and its gRPC code."""

    INVALID = (400, grpc.StatusCode.INVALID_ARGUMENT)
    NOT_FOUND = (404, grpc.StatusCode.NOT_FOUND)
    SLOW_CLIENT = (408, grpc.StatusCode.DEADLINE_EXCEEDED)
    TOO_LARGE = (413, grpc.StatusCode.RESOURCE_EXHAUSTED)
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
"""Characters of a message: gRPC sends it in a header, which a name that a client made up must not fill."""


def shortened(message: str) -> str:
    """Returns a message without its middle where it is too long to be sent."""
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST // 2]}...{message[-_LONGEST // 2 :]}"


class RequestError(Exception):
    """A request that is not answered.

    Args:
        fault: of which kind.
        message: one line for who asked; its middle is left out where it is long.
    """

    def __init__(self, fault: Fault, message: str):
        super().__init__(shortened(message))
        self.fault = fault
