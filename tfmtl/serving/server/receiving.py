"""What comes from a REST client: the body of its request, and that it has left."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from tfmtl.core.whole_number import whole_number
from tfmtl.serving.server.calls import Call
from tfmtl.serving.server.faults import Fault, RequestError

Result = TypeVar("Result")


async def read_body(request: Request, call: Call, most: int) -> bytes:
    """Returns a request's body.

    Args:
        request: the request.
        call: the same, under way; it holds the bytes that have arrived.
        most: the maximum size.

    Raises:
        RequestError: if it is too large, does not come in time, or there is no memory for it.
        ClientDisconnect: if the client leaves.
    """
    too_large = RequestError(Fault.TOO_LARGE, f"the body is larger than {most} bytes")
    claimed = whole_number(request.headers.get("content-length", "0"))
    # What is no number has been refused before.
    if claimed is None or claimed > most:
        raise too_large
    content = bytearray()
    async with call.in_time(Fault.SLOW_CLIENT, "the body did not arrive"):
        async for chunk in request.stream():
            if len(content) + len(chunk) > most:
                raise too_large
            call.held.grow(len(chunk))
            content += chunk
    return bytes(content)


async def while_connected(request: Request, answer: Awaitable[Result]) -> Result:
    """Returns an answer, which is given up as soon as the client has left.

    Args:
        request: a request whose body has been read.
        answer: the answer under way.

    Raises:
        ClientDisconnect: if the client leaves before the answer is there.
    """
    answering, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait([answering, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return answering.result()
    finally:
        answering.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
