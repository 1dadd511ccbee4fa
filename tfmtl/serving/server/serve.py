"""Runs a server on this machine: one process, one event loop for REST and gRPC, and threads for TensorFlow."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import uvicorn
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from tfmtl.core.errors import RunError, UserError
from tfmtl.serving.export.description import Description, required_versions
from tfmtl.serving.server.calls import Calls
from tfmtl.serving.server.grpc_services import ModelService, PredictionService
from tfmtl.serving.server.http_protocol import http_protocol
from tfmtl.serving.server.malformed_requests import MalformedRequests
from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.rest import RestApi
from tfmtl.serving.server.versions import Versions

_logger = logging.getLogger("tfmtl")
_IDLE_SECONDS = 20


@dataclass(frozen=True)
class Address:
    """The address at which a server listens.

    Attributes:
        host: the host, which is the loopback unless other machines should reach it.
        rest_port: the port of REST; 0 is any free port.
        grpc_port: the port of gRPC; 0 is any free port.
    """

    host: str = "127.0.0.1"
    rest_port: int = 8501
    grpc_port: int = 8500


def serve(export: Path, address: Address, options: ServerOptions) -> None:
    """Serves an export until SIGTERM or SIGINT; requests under way are still answered then.

    Args:
        export: the folder of an export, or one version of it.
        address: the address to listen at.
        options: the options of the server.

    Raises:
        RunError: if there is no version that can be loaded.
        UserError: if the address cannot be used.
    """
    name = _model_name(export)
    # Objects that exist before the first version stay forever and need not be searched whenever one is unloaded.
    gc.freeze()
    with _listening(address.host, address.rest_port) as rest_socket:
        asyncio.run(_Server(name, export, address, options).run(rest_socket))


def _model_name(export: Path) -> str:
    """Returns the name of the newest readable version."""
    if (export / "saved_model.pb").is_file():
        return Description.read(export).name
    errors = []
    for number in reversed(required_versions(export)):
        try:
            return Description.read(export / str(number)).name
        except RunError as error:
            errors.append(error)
    raise errors[-1]


class _Server:
    def __init__(self, name: str, export: Path, address: Address, options: ServerOptions):
        self._name = name
        self._address = address
        self._options = options
        self._monitoring = Monitoring(name)
        self._versions = Versions(name, export, options, self._monitoring)
        self._calls = Calls(options)

    async def run(self, rest_socket: socket.socket) -> None:
        grpc_server, grpc_address = self._grpc_server()
        addresses = f"REST http://{_shown(rest_socket.getsockname())}, gRPC {grpc_address}"
        await self._versions.start()
        api = RestApi(self._versions, self._monitoring, self._options, self._calls, self._address.host)
        application = api.application(lambda _: self._lifespan(grpc_server, addresses))
        config = uvicorn.Config(
            application,
            http=http_protocol(self._options),
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="none",
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=int(self._options.grace_seconds),
        )
        # When the server has stopped, it raises the signal that ended it once more; that is a normal exit.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        await _RestServer(config, lambda: self._stop(grpc_server)).serve([rest_socket])

    async def _stop(self, grpc_server: grpc.aio.Server) -> None:
        _logger.info("stopping: requests under way are answered first")
        await grpc_server.stop(self._options.grace_seconds)

    @contextlib.asynccontextmanager
    async def _lifespan(self, grpc_server: grpc.aio.Server, addresses: str) -> AsyncIterator[None]:
        """Runs gRPC and the search for new versions as long as REST runs."""
        await grpc_server.start()
        watching = asyncio.create_task(self._versions.watch())
        numbers = ", ".join(str(version.number) for version in self._versions.served())
        _logger.info("serving %s, version %s: %s", self._name, numbers, addresses)
        try:
            yield
        finally:
            watching.cancel()
            await self._versions.drain()

    def _grpc_server(self) -> tuple[grpc.aio.Server, str]:
        most = self._options.max_connections
        options = {
            # Otherwise a second server could use the same port, and each would get some of the requests.
            "grpc.so_reuseport": 0,
            "grpc.max_receive_message_length": self._options.max_request_bytes,
            "grpc.max_concurrent_streams": most,
            # A client that takes nothing does not answer these either, and its connection is closed.
            "grpc.keepalive_time_ms": int(1000 * self._options.request_seconds),
            "grpc.keepalive_timeout_ms": int(1000 * self._options.send_seconds),
            "grpc.keepalive_permit_without_calls": 1,
        }
        server = grpc.aio.server(
            interceptors=[MalformedRequests()], options=list(options.items()), maximum_concurrent_rpcs=most
        )
        parts = (self._versions, self._monitoring, self._calls)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(*parts), server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(*parts), server)
        host, wanted = self._address.host, self._address.grpc_port
        try:
            port = server.add_insecure_port(_shown((host, wanted)))
        except RuntimeError:
            raise UserError(f"{_shown((host, wanted))}: gRPC cannot listen there; choose --grpc-port") from None
        return server, _shown((host, port))


class _RestServer(uvicorn.Server):
    """Stops something else while it stops itself, so that both have the same time for it.

    Args:
        config: the configuration of uvicorn.
        stop: the function that stops the other thing; awaited before the lifespan of REST ends.
    """

    def __init__(self, config: uvicorn.Config, stop: Callable[[], Awaitable[None]]):
        super().__init__(config)
        self._stop = stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        stopping = asyncio.create_task(self._stop())
        await super().shutdown(sockets)
        # A second Ctrl-C stops without waiting.
        if not self.force_exit:
            await stopping


def _shown(address: tuple) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _listening(host: str, port: int):
    """Yields a socket that is bound before anything is loaded, so that a port in use is reported at once."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UserError(f"{host}: no such address: {error.strerror}") from None
    with bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            # Two sockets that do not listen yet can share a port.
            bound.listen()
        except OSError as error:
            raise UserError(f"{host}:{port}: REST cannot listen there ({error.strerror}); choose --rest-port") from None
        yield bound
