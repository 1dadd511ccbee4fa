"""Measures how fast `tfmtl serve` answers, with and without batching, and how it stands up to mixed traffic.

    python benchmarks/serving.py EXPORT --texts FILE.jsonl --output FILE.json [--seconds 10] [--soak 600] [--changes 7]

Servers are separate processes on free ports of the loopback. Each measurement sends requests with one text each over
gRPC, from a number of clients that each ask again as soon as they are answered. The soak test mixes valid and invalid
requests over gRPC and REST while the export gets a new version twice, and records the server's memory. With
`--changes`, the memory is recorded after each of a number of version changes, without a soak test.
"""

import argparse
import asyncio
import contextlib
import http.client
import itertools
import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from tfmtl.core.atomic_write import atomic_write
from tfmtl.serving.export.description import Description, newest_version

CLIENTS = (1, 8, 64)
WARM_UP = 3
"""The number of rounds that are not counted."""
MIB = 1024


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen
    rest: str
    grpc: str
    name: str

    def memory(self) -> int:
        """Returns its resident memory in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // MIB


@contextlib.contextmanager
def serving(export: Path, *arguments: str) -> Iterator[Server]:
    """Yields a server of an export, which must exit without an error when it is stopped."""
    command = [sys.executable, "-m", "tfmtl.cli", "serve", str(export), "--rest-port", "0", "--grpc-port", "0"]
    process = subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if found := re.search(r"REST http://(\S+), gRPC (\S+)", line):
            break
    else:
        raise SystemExit("the server did not start")
    name = Description.read(newest_version(export)).name
    try:
        yield Server(process, *found.groups(), name)
    finally:
        process.send_signal(signal.SIGTERM)
        if process.wait(60):
            raise SystemExit(f"the server ended with {process.returncode}")


def request(server: Server, signature: str, texts: Sequence[str]) -> predict_pb2.PredictRequest:
    """Returns a request for one signature's answers."""
    made = predict_pb2.PredictRequest()
    made.model_spec.name = server.name
    made.model_spec.signature_name = signature
    made.inputs["text"].CopyFrom(tf.make_tensor_proto(list(texts)))
    return made


async def ask(server: Server, signature: str, texts: Sequence[str], clients: int, seconds: float) -> dict[str, float]:
    """Returns the requests per second and percentiles of their milliseconds, for clients that never pause."""
    latencies: list[float] = []
    following = itertools.cycle(texts)
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        async def client(until: float, noted: list[float]) -> None:
            while time.perf_counter() < until:
                start = time.perf_counter()
                await stub.Predict(request(server, signature, [next(following)]))
                noted.append(1000 * (time.perf_counter() - start))

        await asyncio.gather(*(client(time.perf_counter() + 2, []) for _ in range(clients)))
        start = time.perf_counter()
        await asyncio.gather(*(client(start + seconds, latencies) for _ in range(clients)))
        elapsed = time.perf_counter() - start
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    measured = {"requests_per_second": len(latencies) / elapsed, "p50": p50, "p95": p95, "p99": p99}
    return {name: round(float(value), 2) for name, value in measured.items()}


def throughput(export: Path, texts: Sequence[str], seconds: float) -> list[dict]:
    """Returns a row for each signature and number of clients, with batching and without."""
    rows = []
    with serving(export) as batching, serving(export, "--batch-size", "1", "--batch-delay", "0") as alone:
        for signature, clients in itertools.product(("classify", "serving_default"), CLIENTS):
            for name, server in (("on", batching), ("off", alone)):
                measured = asyncio.run(ask(server, signature, texts, clients, seconds))
                rows.append({"signature": signature, "clients": clients, "batching": name, **measured})
                print(rows[-1], flush=True)
    return rows


def together(export: Path, texts: Sequence[str], rounds: int) -> dict[str, float]:
    """Returns the milliseconds of one request for labels and summary, and of two separate requests for them."""
    seconds: dict[str, list[float]] = {"serving_default": [], "classify": [], "summarize": []}
    with serving(export, "--batch-delay", "0") as server, grpc.insecure_channel(server.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for text in itertools.islice(itertools.cycle(texts), WARM_UP + rounds):
            for signature, found in seconds.items():
                start = time.perf_counter()
                stub.Predict(request(server, signature, [text]))
                found.append(1000 * (time.perf_counter() - start))
    medians = {name: round(statistics.median(found[WARM_UP:]), 2) for name, found in seconds.items()}
    apart = medians["classify"] + medians["summarize"]
    return {**medians, "together_by_apart": round(medians["serving_default"] / apart, 3)}


WRONG = [b"{", b'{"instances": []}', b'{"instances": ["\xff"]}', b'{"inputs": {"texts": ["a"]}}', b"x" * 5_000_000]


def rest_status(server: Server, body: bytes) -> int:
    """Returns the status of a POST."""
    connection = http.client.HTTPConnection(server.rest, timeout=60)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/v1/models/{server.name}:predict", body, headers)
        return connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        return 413  # Refused before all of it was sent.
    finally:
        connection.close()


async def mixed(server: Server, texts: Sequence[str], until: float, statuses: Counter) -> None:
    """Asks without pause from 16 clients, half of them over REST; a third of the requests are invalid."""
    following = itertools.cycle(texts)

    async def over_grpc(channel) -> None:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        for turn in itertools.count():
            if time.monotonic() > until:
                return
            right = turn % 3 > 0
            signature = "serving_default" if right else "clasify"
            try:
                await stub.Predict(request(server, signature, [next(following)]))
                statuses["right: OK" if right else "wrong: OK"] += 1
            except grpc.aio.AioRpcError as error:
                statuses[f"{'right' if right else 'wrong'}: {error.code().name}"] += 1

    async def over_rest() -> None:
        for turn in itertools.count():
            if time.monotonic() > until:
                return
            right = turn % 3 > 0
            body = json.dumps({"instances": [next(following)]}).encode() if right else WRONG[turn // 3 % len(WRONG)]
            status = await asyncio.to_thread(rest_status, server, body)
            statuses[f"{'right' if right else 'wrong'}: {status}"] += 1

    async with grpc.aio.insecure_channel(server.grpc) as channel:
        await asyncio.gather(*(over_grpc(channel) for _ in range(8)), *(over_rest() for _ in range(8)))


def soak(version: Path, texts: Sequence[str], seconds: float) -> dict:
    """Returns counts of the answers in a period with two version changes, and the memory every 30 seconds."""
    statuses: Counter = Counter()
    memory: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export"
        shutil.copytree(version, export / "1")
        with serving(export) as server:

            async def change_versions() -> None:
                for number in (2, 3):
                    await asyncio.sleep(seconds / 3)
                    shutil.copytree(version, Path(folder) / "next")
                    (Path(folder) / "next").rename(export / str(number))

            async def watch_memory(until: float) -> None:
                while time.monotonic() < until:
                    memory.append(server.memory())
                    await asyncio.sleep(min(30.0, seconds / 10))

            async def run() -> None:
                until = time.monotonic() + seconds
                await asyncio.gather(mixed(server, texts, until, statuses), change_versions(), watch_memory(until))

            asyncio.run(run())
    return {"seconds": seconds, "answers": dict(sorted(statuses.items())), "memory_mib": memory}


def states(server: Server) -> dict[str, str]:
    """Returns the state of each version."""
    connection = http.client.HTTPConnection(server.rest, timeout=60)
    connection.request("GET", f"/v1/models/{server.name}")
    status = json.loads(connection.getresponse().read())["model_version_status"]
    return {version["version"]: version["state"] for version in status}


def version_changes(version: Path, texts: Sequence[str], changes: int) -> list[int]:
    """Returns the memory in MiB with the first version and after each change, under some seconds of eight clients."""
    memory = []
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export"
        shutil.copytree(version, export / "1")
        with serving(export) as server:
            for number in range(1, changes + 2):
                if number > 1:
                    shutil.copytree(version, Path(folder) / "next")
                    (Path(folder) / "next").rename(export / str(number))
                while [n for n, state in states(server).items() if state == "AVAILABLE"] != [str(number)]:
                    time.sleep(0.5)
                asyncio.run(ask(server, "serving_default", texts, 8, 5.0))
                memory.append(server.memory())
                print(f"version {number}: {memory[-1]} MiB", flush=True)
    return memory


def main() -> None:
    """Writes the requested measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("--texts", type=Path, required=True, help="JSON lines with 'text'")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0, help="seconds of each measurement of throughput")
    parser.add_argument("--rounds", type=int, default=50, help="rounds of the comparison of one request with two")
    parser.add_argument("--soak", type=float, default=0.0, help="seconds of mixed traffic; 0 omits it")
    parser.add_argument("--changes", type=int, default=0, help="version changes after which memory is recorded")
    arguments = parser.parse_args()
    lines = arguments.texts.read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    report = {"together": together(arguments.export, texts, arguments.rounds)}
    print(report["together"], flush=True)
    report["throughput"] = throughput(arguments.export, texts, arguments.seconds)
    if arguments.soak:
        report["soak"] = soak(newest_version(arguments.export), texts, arguments.soak)
    if arguments.changes:
        report["memory_by_version_mib"] = version_changes(newest_version(arguments.export), texts, arguments.changes)
    with atomic_write(arguments.output) as aside:
        aside.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
