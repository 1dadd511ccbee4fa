"""Measures how `tfmtl serve` stands up to many clients of all sorts, and what a small one notices of a large one.

    python benchmarks/serving_clients.py EXPORT --texts FILE.jsonl --output FILE.json [--seconds 3600] [--changes 4] \
      [--small-seconds 60]

First a client sends one text at a time, alone, and then beside another one that sends requests of 64 texts without a
pause. Then there are 64 clients at once: some send valid requests of one text over REST and gRPC, or of 64 texts;
others send invalid ones, send their bodies slowly, leave before they are answered, or do not read what they have asked
for. Meanwhile the export gets new versions. Every answer is counted by the sort of its client, and the server's memory
is recorded. A valid request is lost if its answer is not the one that it has asked for.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import shutil
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import numpy as np
from serving import Server, request, serving, states
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tfmtl.core.atomic_write import atomic_write
from tfmtl.serving.export.description import newest_version

LARGE = 64
PAUSE = 0.05
"""Seconds between two requests of a client that behaves."""
WRONG = [
    b"{",
    b'{"instances": []}',
    b'{"instances": ["\xff"]}',
    b'{"inputs": {"texts": ["a"]}}',
    b'{"instances": [[]]}',
]


@dataclass
class Load:
    """The clients' common knowledge.

    Attributes:
        server: the server.
        texts: what is asked about.
        until: when the clients stop.
        counts: the outcomes, by the sort of the client.
        latencies: the milliseconds of valid small requests.
    """

    server: Server
    texts: Sequence[str]
    until: float
    counts: Counter = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def going_on(self) -> bool:
        return time.monotonic() < self.until

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.server.rest.rsplit(":", 1)
        return host, int(port)

    def head(self, content: bytes) -> bytes:
        return (
            f"POST /v1/models/{self.server.name}:predict HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        ).encode()


def body(texts: Sequence[str]) -> bytes:
    """Returns the JSON of a request."""
    return json.dumps({"instances": list(texts)}).encode()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Returns the status and the body of the next answer; 0 if the connection ends first."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return int(head.split()[1]), await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""


async def ask(load: Load, content: bytes) -> tuple[int, bytes]:
    """Asks over a connection of its own."""
    reader, writer = await asyncio.open_connection(*load.address)
    try:
        writer.write(load.head(content) + content)
        return await answer(reader)
    finally:
        writer.close()


async def valid(load: Load, rows: int, sort: str, pause: float = PAUSE) -> None:
    """Sends valid requests over one connection and checks that all rows are answered."""
    reader, writer = await asyncio.open_connection(*load.address)
    for turn in itertools.count():
        if not load.going_on():
            break
        texts = [load.texts[(turn * rows + row) % len(load.texts)] for row in range(rows)]
        content, began = body(texts), time.perf_counter()
        writer.write(load.head(content) + content)
        status, found = await answer(reader)
        right = status == 200 and len(json.loads(found)["predictions"]) == rows
        load.counts[f"{sort}: {'answered' if right else f'LOST ({status})'}"] += 1
        if rows == 1:
            load.latencies.append(1000 * (time.perf_counter() - began))
        if status == 0:
            reader, writer = await asyncio.open_connection(*load.address)
        await asyncio.sleep(pause)
    writer.close()


async def valid_over_grpc(load: Load) -> None:
    """Sends valid requests of one text."""
    async with grpc.aio.insecure_channel(load.server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for text in itertools.cycle(load.texts):
            if not load.going_on():
                return
            try:
                await stub.Predict(request(load.server, "serving_default", [text]))
                load.counts["valid, gRPC: answered"] += 1
            except grpc.aio.AioRpcError as error:
                load.counts[f"valid, gRPC: LOST ({error.code().name})"] += 1
            await asyncio.sleep(PAUSE)


async def invalid(load: Load) -> None:
    """Sends requests that cannot be answered."""
    for content in itertools.cycle(WRONG):
        if not load.going_on():
            return
        status, _ = await ask(load, content)
        load.counts[f"invalid: {status}"] += 1
        await asyncio.sleep(PAUSE)


async def slow(load: Load) -> None:
    """Sends a valid body in small pieces."""
    while load.going_on():
        content = body(load.texts[:1])
        reader, writer = await asyncio.open_connection(*load.address)
        writer.write(load.head(content))
        for start in range(0, len(content), 8):
            writer.write(content[start : start + 8])
            await asyncio.sleep(0.02)
        status, _ = await answer(reader)
        load.counts[f"slow: {'answered' if status == 200 else f'LOST ({status})'}"] += 1
        writer.close()


async def leaving(load: Load) -> None:
    """Asks for much, and leaves."""
    content = body(load.texts[:LARGE])
    while load.going_on():
        _, writer = await asyncio.open_connection(*load.address)
        writer.write(load.head(content) + content)
        await asyncio.sleep(0.05)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        load.counts["leaving: left"] += 1
        await asyncio.sleep(0.5)


async def unreading(load: Load) -> None:
    """Asks again and again over one connection and reads nothing, until the server ends the connection."""
    content = body(load.texts[:LARGE])
    loop = asyncio.get_running_loop()
    while load.going_on():
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            with contextlib.suppress(ConnectionError):
                await loop.sock_connect(connection, load.address)
                while load.going_on():
                    async with asyncio.timeout(max(0.1, load.until - time.monotonic())):
                        await loop.sock_sendall(connection, load.head(content) + content)
                    await asyncio.sleep(1.0)
            load.counts["unreading: ended by the server" if load.going_on() else "unreading: open at the end"] += 1


SORTS: dict[str, tuple[int, Callable[[Load], Awaitable[None]]]] = {
    "valid, REST": (16, lambda load: valid(load, 1, "valid, REST")),
    "valid, gRPC": (16, valid_over_grpc),
    "large": (4, lambda load: valid(load, LARGE, "large", pause=1.0)),
    "invalid": (8, invalid),
    "slow": (8, slow),
    "leaving": (6, leaving),
    "unreading": (6, unreading),
}
"""The number of clients of each sort; 64 in all."""


def percentiles(latencies: Sequence[float]) -> dict[str, float]:
    """Returns the number of requests, and the percentiles of their milliseconds."""
    p50, p99 = np.percentile(latencies, [50, 99])
    return {"requests": len(latencies), "p50": round(float(p50), 2), "p99": round(float(p99), 2)}


def beside(server: Server, texts: Sequence[str], seconds: float) -> dict:
    """Returns what a small client measures alone, and beside one that sends large requests."""

    async def small(large: int) -> list[float]:
        load = Load(server, texts, time.monotonic() + seconds)
        others = (valid(load, LARGE, "large", pause=0.0) for _ in range(large))
        await asyncio.gather(valid(load, 1, "small", pause=0.01), *others)
        return load.latencies

    asyncio.run(small(0))
    alone, together = percentiles(asyncio.run(small(0))), percentiles(asyncio.run(small(1)))
    factor = round(together["p99"] / alone["p99"], 2)
    return {"alone": alone, "beside_large_requests": together, "p99_factor": factor}


async def change_versions(version: Path, folder: Path, load: Load, changes: int) -> list[float]:
    """Adds versions at equal distances; returns the seconds until each of them answers."""
    seconds, pause = [], (load.until - time.monotonic()) / (changes + 1)
    for number in range(2, changes + 2):
        await asyncio.sleep(pause)
        await asyncio.to_thread(shutil.copytree, version, folder / "next")
        (folder / "next").rename(folder / "export" / str(number))
        began = time.monotonic()
        while (await asyncio.to_thread(states, load.server)).get(str(number)) != "AVAILABLE":
            if not load.going_on():
                raise SystemExit(f"version {number} has not been served in time")
            await asyncio.sleep(0.5)
        seconds.append(round(time.monotonic() - began, 1))
    return seconds


async def watch_memory(load: Load, every: float) -> list[int]:
    """Returns the memory in MiB at equal distances."""
    memory = []
    while load.going_on():
        await asyncio.sleep(min(every, max(0.0, load.until - time.monotonic())))
        memory.append(load.server.memory())
    return memory


def soak(version: Path, texts: Sequence[str], seconds: float, changes: int, small_seconds: float) -> dict:
    """Returns what 64 clients are told, and how the memory develops, while versions change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(version, folder / "export" / "1")
        with serving(folder / "export", "--send-seconds", "5") as server:
            report = {"small_client_ms": beside(server, texts, small_seconds)}
            print(report, flush=True)
            load = Load(server, texts, time.monotonic() + seconds)

            async def run() -> tuple:
                clients = [client(load) for number, client in SORTS.values() for _ in range(number)]
                watching = watch_memory(load, seconds / 24), change_versions(version, folder, load, changes)
                return (await asyncio.gather(*watching, *clients))[:2]

            memory, changed = asyncio.run(run())
    # A third of the time is left for caches to fill; after that it must be flat.
    settled = memory[len(memory) // 3 :]
    lost = sum(count for outcome, count in load.counts.items() if "LOST" in outcome)
    return report | {
        "seconds": seconds,
        "clients": {name: number for name, (number, _) in SORTS.items()},
        "outcomes": dict(sorted(load.counts.items())),
        "lost": lost,
        "small_among_64_ms": percentiles(load.latencies),
        "seconds_to_change_version": changed,
        "memory_mib": memory,
        "memory_growth_percent": round(100 * (settled[-1] / settled[0] - 1), 1),
    }


def main() -> None:
    """Writes the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="JSON lines with 'text'")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long the 64 clients ask")
    parser.add_argument("--changes", type=int, default=4, help="changes of version meanwhile")
    parser.add_argument("--small-seconds", type=float, default=60.0, help="how long the small client asks each time")
    arguments = parser.parse_args()
    lines = arguments.texts.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    version, small_seconds = newest_version(arguments.export), arguments.small_seconds
    report = soak(version, texts, arguments.seconds, arguments.changes, small_seconds)
    print(json.dumps(report, indent=1))
    with atomic_write(arguments.output) as aside:
        aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if report["lost"]:
        raise SystemExit(f"{report['lost']} valid requests were lost")


if __name__ == "__main__":
    main()
