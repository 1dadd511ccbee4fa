"""A limit on the time that a client may take to send the head of a request, or the rest of an answered one."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_with_request_timeout(seconds: float) -> type[H11Protocol]:
    """Returns uvicorn's HTTP/1.1 protocol, extended to close a connection whose requests take too long.

    uvicorn itself limits only the pause between two requests, so that a client that sends a byte now and then would
    keep its connection forever.

    Args:
        seconds: the time limit from the connection, or from the first byte of a later request, to the end of the
            headers; and from an answer to the end of a body that it did not wait for.
    """

    class RequestTimeoutProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _lingering: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._timer = self.loop.call_later(seconds, transport.close)

        def data_received(self, data: bytes) -> None:
            answered = self.cycle
            super().data_received(data)
            if self.cycle is not answered or self.conn.their_state is not h11.SEND_BODY:
                self._stop_lingering()
            if self.conn.their_state is not h11.IDLE:
                self._stop()
            elif self._timer is None:
                self._timer = self.loop.call_later(seconds, self.transport.close)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            # Not at once: a client that is still sending would not see the answer.
            if self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
                self._lingering = self.loop.call_later(seconds, self.transport.close)

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            self._stop_lingering()
            super().connection_lost(exc)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _stop_lingering(self) -> None:
            if self._lingering is not None:
                self._lingering.cancel()
                self._lingering = None

    return RequestTimeoutProtocol
