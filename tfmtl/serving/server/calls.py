"""A request under way: whose it is, when its time is over, and what it holds of the memory for requests."""

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Self

from tfmtl.serving.server.budget import Budget, Share
from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.options import ServerOptions


@dataclass(frozen=True)
class Call:
    """A request under way.

    Attributes:
        client: whose it is.
        deadline: when its time is over, on the clock of the event loop.
        seconds: the time that it has, or had.
        held: what it holds of the bytes that all requests share.
    """

    client: Hashable
    deadline: float
    seconds: float
    held: Share | None = None

    @classmethod
    def lasting(cls, seconds: float, client: Hashable = None, held: Share | None = None) -> Self:
        """Returns a request that begins now and has so many seconds."""
        return cls(client, asyncio.get_running_loop().time() + seconds, seconds, held)

    @asynccontextmanager
    async def in_time(self, fault: Fault, what: str) -> AsyncIterator[None]:
        """Ends its block when the request's time is over.

        Raises:
            RequestError: if the time is over before the end of the block.
        """
        try:
            async with asyncio.timeout_at(self.deadline):
                yield
        except TimeoutError:
            raise RequestError(fault, f"{what} within {self.seconds:g} seconds") from None


class Calls:
    """The requests under way over all interfaces of a server.

    Args:
        options: the options of the server.
    """

    def __init__(self, options: ServerOptions):
        self._seconds = options.request_seconds
        self._bytes = Budget(options.max_pending_bytes, "bytes of requests are already waiting")

    @contextmanager
    def begin(self, client: Hashable, size: int = 0, seconds: float | None = None) -> Iterator[Call]:
        """Yields a request that begins now.

        Args:
            client: whose it is.
            size: its bytes that have arrived.
            seconds: the time that its client gives it, if less than the server does.

        Raises:
            RequestError: if there is no memory for it, or it has given way to that of another client.
        """
        seconds = self._seconds if seconds is None else min(seconds, self._seconds)
        with self._bytes.share(client, size) as held:
            yield Call.lasting(seconds, client, held)
