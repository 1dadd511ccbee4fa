import asyncio
import contextlib
import time

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tfmtl.serving.server.request_timeout import protocol_with_request_timeout

SECONDS = 0.5
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n"


@contextlib.asynccontextmanager
async def connected():
    """Yields the reader and the writer of a connection to a server that answers after twice the bound."""

    async def slow(request):
        await asyncio.sleep(2 * SECONDS)
        return PlainTextResponse("done")

    async def refuse(request):
        return PlainTextResponse("no", 413)

    application = Starlette(routes=[Route("/", slow), Route("/", refuse, methods=["POST"])])
    http = protocol_with_request_timeout(SECONDS)
    config = uvicorn.Config(application, port=0, log_level="error", http=http)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.should_exit = True
    await serving


def run(scenario):
    async def main():
        async with connected() as (reader, writer):
            await asyncio.wait_for(scenario(reader, writer), 20)

    asyncio.run(main())


async def seconds_until_closed(reader, writer) -> float:
    """Sends a byte of a header now and then; returns after how long the server closed the connection."""
    start = time.monotonic()
    while not reader.at_eof():
        with contextlib.suppress(ConnectionError):
            writer.write(b"x")
        with contextlib.suppress(TimeoutError, ConnectionError):
            assert await asyncio.wait_for(reader.read(1), 0.1) == b""
    return time.monotonic() - start


def test_a_client_whose_headers_trickle_is_left():
    async def scenario(reader, writer):
        writer.write(REQUEST)
        assert SECONDS - 0.1 < await seconds_until_closed(reader, writer) < 5 * SECONDS

    run(scenario)


def test_an_answer_may_take_longer_and_the_next_request_has_its_own_bound():
    async def scenario(reader, writer):
        for _ in range(2):
            writer.write(REQUEST + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and await reader.readexactly(4) == b"done"
        writer.write(REQUEST)
        assert SECONDS - 0.1 < await seconds_until_closed(reader, writer) < 5 * SECONDS

    run(scenario)


def test_who_goes_on_sending_a_body_that_was_not_waited_for_reads_the_answer_and_is_left():
    async def scenario(reader, writer):
        for _ in range(2):
            writer.write(REQUEST.replace(b"GET", b"POST") + b"Content-Length: 10\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
            assert await reader.readexactly(2) == b"no"
            await asyncio.sleep(0.5 * SECONDS)
            writer.write(b"x" * 10)
        writer.write(REQUEST.replace(b"GET", b"POST") + b"Content-Length: 1000000\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 413")
        assert await reader.readexactly(2) == b"no"
        assert SECONDS - 0.1 < await seconds_until_closed(reader, writer) < 5 * SECONDS

    run(scenario)
