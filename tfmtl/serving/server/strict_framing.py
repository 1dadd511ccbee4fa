"""Refuses requests whose end two programs could see at different places (RFC 9112, sections 6.1 and 11.2)."""

import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from tfmtl.serving.server.access import HEADERS


def protocol_with_strict_framing(base: type[H11Protocol]) -> type[H11Protocol]:
    """Returns a protocol, extended to answer a request with two lengths with 400 and to close its connection.

    A proxy in front of the server could believe the other one, and take what follows for the next request: another
    client would get its answer. h11 ignores `Content-Length` beside `Transfer-Encoding` instead.
    """

    class StrictFramingProtocol(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.conn = _StrictConnection(h11.SERVER)

        def send_400_response(self, msg: str) -> None:
            """Answers in the application's form, which never sees what is no request."""
            # An answer under way cannot be taken back.
            if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                content = json.dumps({"error": msg}).encode()
                of_content = {"Content-Type": "application/json", "Content-Length": str(len(content))}
                headers = [*(HEADERS | of_content | {"Connection": "close"}).items()]
                response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
                for event in (response, h11.Data(data=content), h11.EndOfMessage()):
                    self.transport.write(self.conn.send(event))
            self.transport.close()

        def _unsupported_upgrade_warning(self) -> None:
            """Says nothing: no installed package would give this server another protocol."""

    return StrictFramingProtocol


class _StrictConnection(h11.Connection):
    def next_event(self):
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("a request with two lengths")
        return event
