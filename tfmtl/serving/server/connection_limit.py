"""A limit on the number of connections, which none but the busy ones can use up."""

import asyncio
from collections import Counter

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

_REFUSED = b'{"error":"there are too many connections; ask again later"}'
_HEAD = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n"
)


def protocol_with_connection_limit(base: type[H11Protocol], most: int) -> type[H11Protocol]:
    """Returns a protocol, extended to make room for a new connection where there are too many.

    A connection gives way on which the server waits for its client, the oldest of the address that has the most of
    them. If the server is at work for all of them, the new one is refused.

    Args:
        base: the protocol.
        most: the maximum number of connections.
    """

    class ConnectionLimitProtocol(base):
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.since = self.loop.time()
            if len(self.connections) <= most:
                return
            waiting = [other for other in self.connections if other is not self and other.waits_for_client()]
            if waiting:
                counts = Counter(other.client and other.client[0] for other in waiting)
                oldest = min(waiting, key=lambda other: (-counts[other.client and other.client[0]], other.since))
                oldest.transport.abort()
                # It leaves them itself, but later.
                self.connections.discard(oldest)
            else:
                transport.write(_HEAD % len(_REFUSED) + _REFUSED)
                transport.close()

        def waits_for_client(self) -> bool:
            """Whether the next thing to come is a request, or more of one."""
            return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self.since = self.loop.time()

    return ConnectionLimitProtocol
