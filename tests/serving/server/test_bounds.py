"""What one client can do to the others: leave, send or read slowly or not at all, ask for much and often."""

import asyncio
import contextlib
import socket
import struct
import time

import pytest

from tests.serving.server.in_process import answer_of, ask, body_of, head_of, served


def run(folder, monkeypatch, scenario, **options):
    async def main():
        async with served(folder, monkeypatch, **options) as (address, servable):
            await asyncio.wait_for(scenario(address, servable), 20)

    asyncio.run(main())


def leave(writer):
    """Ends a connection as a process does that is killed."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


def test_what_clients_have_asked_who_have_left_is_not_answered(tmp_path, monkeypatch):
    async def scenario(address, servable):
        servable.free.clear()
        first = asyncio.create_task(ask(address, "a"))
        await asyncio.sleep(0.1)
        content = body_of("b")
        connections = [await asyncio.open_connection(*address) for _ in range(40)]
        for _, writer in connections:
            writer.write(head_of(content) + content)
        await asyncio.sleep(0.2)
        for _, writer in connections:
            leave(writer)
        await asyncio.sleep(0.2)
        last = asyncio.create_task(ask(address, "c"))
        await asyncio.sleep(0.1)
        servable.free.set()
        assert [status for status, _ in await asyncio.gather(first, last)] == [200, 200]
        # One more may have been under way on a second thread.
        assert sum(servable.asked) == 2

    run(tmp_path, monkeypatch, scenario, threads=1, batch_size=1)


def test_who_does_not_read_is_left(tmp_path, monkeypatch):
    async def scenario(address, servable):
        servable.answer_bytes = 1 << 20
        content = body_of(*["a"] * 8)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(address)
            client.sendall(head_of(content) + content)
            await until(lambda: servable.asked)
            start = time.monotonic()
            assert (await ask(address, "a"))[0] == 200
            await asyncio.sleep(1.0)
            client.setblocking(False)
            received = 0
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while chunk := await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1 << 20), 5):
                    received += len(chunk)
            # The connection has ended in the middle of the answer.
            assert received < 8 << 20 and time.monotonic() - start < 6

    run(tmp_path, monkeypatch, scenario, send_seconds=0.5)


def test_who_reads_slowly_and_in_time_gets_all(tmp_path, monkeypatch):
    async def scenario(address, servable):
        servable.answer_bytes = 1 << 20
        reader, writer = await asyncio.open_connection(*address, limit=1 << 12)
        content = body_of(*["a"] * 8)
        writer.write(head_of(content) + content)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        received = 0
        while received < length:
            received += len(await reader.read(1 << 20))
            await asyncio.sleep(0)
        assert received == length > 8 << 20
        writer.close()

    run(tmp_path, monkeypatch, scenario, send_seconds=10)


def test_a_request_has_one_time_for_its_body_and_its_answer(tmp_path, monkeypatch):
    async def scenario(address, servable):
        servable.free.clear()
        content = body_of("a")
        reader, writer = await asyncio.open_connection(*address)
        start = time.monotonic()
        writer.write(head_of(content) + content[:1])
        await asyncio.sleep(0.7)
        writer.write(content[1:])
        status, found = await answer_of(reader)
        assert (status, found["error"]) == (504, "there was no answer within 1 seconds")
        assert 0.9 < time.monotonic() - start < 1.5
        writer.close()

    run(tmp_path, monkeypatch, scenario, request_seconds=1.0)


def test_slow_bodies_do_not_use_up_the_memory_of_others(tmp_path, monkeypatch):
    async def scenario(address, servable):
        content = body_of("x" * 9000)
        slow = [await asyncio.open_connection(*address) for _ in range(4)]
        for _, writer in slow:
            writer.write(head_of(content) + content[:-1])
        await asyncio.sleep(0.2)
        # Of 20,000 bytes, two of them have room; a small request takes the place of one.
        answers = [asyncio.create_task(answer_of(reader)) for reader, _ in slow]
        assert [(await ask(address, "x" * 3000))[0] for _ in range(3)] == [200] * 3
        await asyncio.sleep(0.2)
        refused = [task.result() for task in answers if task.done()]
        assert len(refused) == 3 and {status for status, _ in refused} == {503}
        assert all("ask again later" in found["error"] for _, found in refused)
        for (_, writer), answer in zip(slow, answers, strict=True):
            writer.write(content[-1:])
            if not answer.done():
                assert (await answer)[0] == 200
            writer.close()

    run(tmp_path, monkeypatch, scenario, max_pending_bytes=20_000)


def test_a_body_of_empty_rows_is_refused_while_others_are_answered(tmp_path, monkeypatch):
    async def scenario(address, servable):
        large = b'{"instances":[' + b",".join([b'""'] * 1_300_000) + b"]}"
        assert len(large) < 4 << 20
        await ask(address, "a")
        pauses, going_on = [], True

        async def watch():
            while going_on:
                start = time.monotonic()
                await asyncio.sleep(0.001)
                pauses.append(time.monotonic() - start)

        watching = asyncio.create_task(watch())
        status, found = await ask(address, content=large)
        going_on = False
        await watching
        assert (status, "1300000 rows; at most 64" in found["error"]) == (400, True)
        # It was 0.8 s; Python's parser holds all threads for a part of it.
        assert max(pauses) < 0.4 and servable.asked == [1]

    run(tmp_path, monkeypatch, scenario)


def test_many_large_requests_do_not_keep_a_small_one_out(tmp_path, monkeypatch):
    async def scenario(address, servable):
        servable.free.clear()
        many = [asyncio.create_task(ask(address, *["a"] * 64)) for _ in range(66)]
        await asyncio.sleep(0.5)
        small = [asyncio.create_task(ask(address, "b")) for _ in range(5)]
        await asyncio.sleep(0.2)
        servable.free.set()
        assert [status for status, _ in await asyncio.gather(*small)] == [200] * 5
        statuses = [status for status, _ in await asyncio.gather(*many)]
        assert set(statuses) == {200, 503} and statuses.count(503) <= 4

    run(tmp_path, monkeypatch, scenario)


@pytest.mark.parametrize("sent", [b"", b"POST", head_of(b"x" * 10) + b"x"])
def test_connections_that_are_only_held_make_room(tmp_path, monkeypatch, sent):
    async def scenario(address, servable):
        held = []
        for _ in range(10):
            held.append(await asyncio.open_connection(*address))
            held[-1][1].write(sent)
            await asyncio.sleep(0.01)
        assert (await ask(address, "a"))[0] == 200
        ended = [reader.at_eof() or reader.exception() is not None for reader, _ in held]
        await asyncio.sleep(0.1)
        ended = [reader.at_eof() or reader.exception() is not None for reader, _ in held]
        assert ended == [True] * 3 + [False] * 7
        for _, writer in held:
            writer.close()

    run(tmp_path, monkeypatch, scenario, max_connections=8)


def test_where_all_connections_are_at_work_one_more_is_refused(tmp_path, monkeypatch):
    async def scenario(address, servable):
        servable.free.clear()
        busy = [asyncio.create_task(ask(address, "a")) for _ in range(4)]
        await asyncio.sleep(0.3)
        status, found = await ask(address, "b")
        assert (status, found) == (503, {"error": "there are too many connections; ask again later"})
        servable.free.set()
        assert [status for status, _ in await asyncio.gather(*busy)] == [200] * 4

    run(tmp_path, monkeypatch, scenario, max_connections=4)


def test_a_failure_tells_nothing_of_the_server(tmp_path, monkeypatch, caplog):
    async def scenario(address, servable):
        servable.fails = True
        status, found = await ask(address, "a")
        assert (status, found["error"]) == (500, "ValueError: the request failed; the server's log says why")
        assert "a secret of the server" in caplog.text

    run(tmp_path, monkeypatch, scenario)
