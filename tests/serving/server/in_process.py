"""A server of a made-up model in the process of the test, and clients of it that may do as they like."""

import asyncio
import contextlib
import json
import threading
from types import SimpleNamespace

import numpy as np
import uvicorn

from tfmtl.core.errors import RunError
from tfmtl.serving.server import versions as versions_module
from tfmtl.serving.server.calls import Calls
from tfmtl.serving.server.http_protocol import http_protocol
from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.rest import RestApi
from tfmtl.serving.server.versions import Versions

PREDICT = "/v1/models/tiny:predict"


class MadeUpServable:
    """Answers each text with a text of `answer_bytes`, unless it is held back, and keeps how many it was asked."""

    def __init__(self, path):
        if (path / "damaged").exists():
            raise RunError(f"{path}: damaged: {path / 'variables'} and /usr/lib/python3/x.py, no file")
        self.signature_defs = {"serving_default": None}
        self.description = SimpleNamespace(tasks={})
        self.asked: list[int] = []
        self.free = threading.Event()
        self.free.set()
        self.answer_bytes = 4
        self.fails = False

    def input_names(self, signature):
        return ("text",)

    def check_names(self, signature, inputs):
        assert list(inputs) == ["text"]

    def check(self, signature, inputs):
        return len(inputs["text"])

    def run(self, signature, inputs):
        self.free.wait(20)
        self.asked.append(len(inputs["text"]))
        if self.fails:
            raise ValueError("/etc/passwd: a secret of the server")
        return {"topic": np.array([b"x" * self.answer_bytes] * len(inputs["text"]), object)}


@contextlib.asynccontextmanager
async def served(folder, monkeypatch, **options):
    """Yields the address of a server, and its servable; the version that it serves is made in `folder`."""
    monkeypatch.setattr(versions_module, "Servable", MadeUpServable)
    (folder / "1").mkdir(exist_ok=True)
    (folder / "1" / "saved_model.pb").touch()
    options = ServerOptions(**{"batch_delay": 0.0, "threads": 2, **options})
    versions = Versions("tiny", folder, options, Monitoring("tiny"))
    await versions.start()

    @contextlib.asynccontextmanager
    async def lifespan(application):
        yield

    application = RestApi(versions, Monitoring("tiny"), options, Calls(options)).application(lifespan)
    config = uvicorn.Config(application, port=0, log_level="critical", http=http_protocol(options), ws="none")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    servable = versions.served()[0].servable
    try:
        yield server.servers[0].sockets[0].getsockname(), servable
    finally:
        servable.free.set()
        server.should_exit = server.force_exit = True
        await serving
        await versions.drain()


def body_of(*texts):
    """The body of a request."""
    return json.dumps({"instances": list(texts)}).encode()


def head_of(body, path=PREDICT, **headers):
    """The head of a request with a body."""
    headers = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": len(body), **headers}
    return (
        f"POST {path} HTTP/1.1\r\n".encode() + b"".join(f"{k}: {v}\r\n".encode() for k, v in headers.items()) + b"\r\n"
    )


async def answer_of(reader):
    """The status and the JSON of the next answer; the status 0 if the connection ends first."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        return int(head.split()[1]), json.loads(await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, None


async def ask(address, *texts, content=None):
    """The status and the JSON of the answer to a request of a client that does as it should."""
    content = body_of(*texts) if content is None else content
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(head_of(content) + content)
        return await answer_of(reader)
    finally:
        writer.close()
