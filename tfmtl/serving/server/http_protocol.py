"""uvicorn's HTTP/1.1 protocol, with the bounds that it leaves out."""

from uvicorn.protocols.http.h11_impl import H11Protocol

from tfmtl.serving.server.connection_limit import protocol_with_connection_limit
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.request_timeout import protocol_with_request_timeout
from tfmtl.serving.server.send_timeout import protocol_with_send_timeout
from tfmtl.serving.server.strict_framing import protocol_with_strict_framing


def http_protocol(options: ServerOptions) -> type[H11Protocol]:
    """Returns the protocol of a server with these options."""
    strict = protocol_with_strict_framing(protocol_with_request_timeout(options.request_seconds))
    return protocol_with_connection_limit(
        protocol_with_send_timeout(strict, options.send_seconds), options.max_connections
    )
