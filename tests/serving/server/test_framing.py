"""Requests whose end two programs see at different places, as in request smuggling (Linhart et al. 2005)."""

import asyncio
import json

import pytest

from tests.serving.server.in_process import PREDICT, body_of, served

START = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
BODY = body_of("a")
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
SMUGGLED = b"GET /v1/models/tiny HTTP/1.1\r\nHost: localhost\r\n\r\n"


def sent(folder, monkeypatch, content):
    """What a server says to bytes, and whether it has closed the connection; the number of requests it answered."""

    async def main():
        async with served(folder, monkeypatch, request_seconds=1.0) as (address, servable):
            reader, writer = await asyncio.open_connection(*address)
            writer.write(content)
            received, closed = b"", False
            try:
                async with asyncio.timeout(0.6):
                    while chunk := await reader.read(1 << 16):
                        received += chunk
                    closed = True
            except TimeoutError:
                pass
            except ConnectionError:
                closed = True
            writer.close()
            return received, closed, len(servable.asked)

    return asyncio.run(main())


REFUSED = {
    "two lengths": START + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "two lengths, the other way round": START + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNKS,
    "two lengths, one of them none": START + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "two lengths, in odd letters": START + b"content-LENGTH: 4\r\ntransfer-ENCODING: CHUNKED\r\n\r\n" + CHUNKS,
    "chunks in HTTP/1.0": START.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "different lengths": START + LENGTH + b"Content-Length: 5\r\n\r\n" + BODY,
    "different lengths in one": START + b"Content-Length: 5, 6\r\n\r\n" + BODY,
    "a signed length": START + b"Content-Length: +5\r\n\r\n" + BODY,
    "a length of hexadecimal digits": START + b"Content-Length: 0x5\r\n\r\n" + BODY,
    "another coding": START + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKS,
    "two codings": START + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNKS,
    "chunks twice": START + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS,
    "a space before the colon": START + b"Transfer-Encoding : chunked\r\n" + LENGTH + b"\r\n" + CHUNKS,
    "a name with a control character": START + b"Transfer-Encoding\x0b: chunked\r\n" + LENGTH + b"\r\n" + CHUNKS,
    "a carriage return in a value": START + b"X: a\rTransfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNKS,
    "a null in a value": START + b"X: a\0b\r\n" + LENGTH + b"\r\n" + BODY,
    "a chunk of a negative size": START + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + BODY,
    "a chunk that is longer than it says": START + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
    "no host": START.replace(b"Host: localhost\r\n", b"") + LENGTH + b"\r\n" + BODY,
    "two hosts": START + b"Host: attacker.example\r\n" + LENGTH + b"\r\n" + BODY,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_certain_end_is_refused_and_nothing_after_it_is_read(tmp_path, monkeypatch, name):
    received, closed, asked = sent(tmp_path, monkeypatch, REFUSED[name] + SMUGGLED)
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")) and received.count(b"HTTP/1.1") == 1, received
    assert (closed, asked) == (True, 0)
    if received.startswith(b"HTTP/1.1 400"):
        head, _, body = received.decode().partition("\r\n\r\n")
        assert "Content-Security-Policy: default-src 'none'" in head and list(json.loads(body)) == ["error"]


@pytest.mark.parametrize("end", [LENGTH + b"\r\n" + BODY, b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS])
def test_either_length_is_read_and_the_next_request_is_the_next_one(tmp_path, monkeypatch, end):
    received, closed, asked = sent(tmp_path, monkeypatch, START + end + SMUGGLED)
    assert received.count(b"HTTP/1.1 200") == 2 and (closed, asked) == (False, 1), received
