"""A limit on the time that a client may take to read an answer."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_with_send_timeout(base: type[H11Protocol], seconds: float) -> type[H11Protocol]:
    """Returns a protocol, extended to end a connection whose client does not take what it has asked for.

    Otherwise the answer would stay in memory, and the connection open, for as long as the client pleases.

    Args:
        base: the protocol.
        seconds: the time limit from the first byte that the connection does not take at once to the last one.
    """

    class SendTimeoutProtocol(base):
        _sending: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            # Writing is then paused by any byte that is left over, and goes on when none is.
            transport.set_write_buffer_limits(high=0)

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._sending is None:
                self._sending = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._stop_sending()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_sending()
            super().connection_lost(exc)

        def _stop_sending(self) -> None:
            if self._sending is not None:
                self._sending.cancel()
                self._sending = None

    return SendTimeoutProtocol
