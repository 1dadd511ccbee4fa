"""Refuses requests whose end two programs could see at different places (RFC 9112, sections 6.1 and 11.2)."""

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def protocol_with_strict_framing(base: type[H11Protocol]) -> type[H11Protocol]:
    """Returns a protocol, extended to answer a request with two lengths with 400 and to close its connection.

    A proxy in front of the server could believe the other one, and take what follows for the next request: another
    client would get its answer. h11 ignores `Content-Length` beside `Transfer-Encoding` instead.
    """

    class StrictFramingProtocol(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.conn = _StrictConnection(h11.SERVER)

    return StrictFramingProtocol


class _StrictConnection(h11.Connection):
    def next_event(self):
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("a request with two lengths")
        return event
