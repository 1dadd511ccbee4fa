"""Servers that start and stop, and change versions under load."""

import asyncio
import shutil
import socket
import threading
import time

import grpc
import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving.server.asked import SECONDS, predict_request
from tfmtl.cli import main
from tfmtl.serving.server.serve import _RestServer


def test_what_stops_with_rest_does_not_wait_for_its_clients():
    stopped = []

    async def slow(request):
        await asyncio.sleep(1)
        return PlainTextResponse(f"stopped: {stopped}")

    async def stop():
        stopped.append("grpc")

    async def main():
        config = uvicorn.Config(Starlette(routes=[Route("/", slow)]), port=0, log_level="error")
        server = _RestServer(config, stop)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.1)
        server.should_exit = True
        await serving
        return await reader.read()

    assert asyncio.run(main()).endswith(b"stopped: ['grpc']")


class Traffic:
    """Asks a hundred times a second at most, from a thread of its own, and keeps what was answered."""

    def __init__(self, server):
        self.statuses, self.versions, self._going_on = [], [], True
        self._server = server
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with grpc.insecure_channel(self._server.grpc) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while self._going_on:
                try:
                    response = stub.Predict(predict_request("topic"), timeout=SECONDS)
                    self.versions.append(response.model_spec.version.value)
                except grpc.RpcError as error:
                    self.statuses.append(error.code())
                time.sleep(0.01)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._going_on = False
        self._thread.join(SECONDS)


def states(server):
    statuses = requests.get(f"{server.rest}/v1/models/tiny", timeout=SECONDS).json()["model_version_status"]
    return {int(status["version"]): (status["state"], status["status"]["error_message"]) for status in statuses}


def wait_for_state(server, version, state):
    deadline = time.monotonic() + SECONDS
    while states(server).get(version, ("", ""))[0] != state:
        assert time.monotonic() < deadline, states(server)
        time.sleep(0.1)


def test_versions_change_under_load_without_a_failed_request(start_server, light_export, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(light_export, folder / "1")
    server = start_server(folder)
    with Traffic(server) as traffic:
        shutil.copytree(light_export, tmp_path / "next")
        (tmp_path / "next").rename(folder / "2")
        wait_for_state(server, 2, "AVAILABLE")
        wait_for_state(server, 1, "END")
        # One that is damaged is told, and the one before it goes on.
        shutil.copytree(light_export, tmp_path / "next")
        (tmp_path / "next" / "saved_model.pb").write_bytes(b"damaged")
        (tmp_path / "next").rename(folder / "3")
        wait_for_state(server, 3, "END")
        assert "damaged" in states(server)[3][1]
        assert states(server)[2] == ("AVAILABLE", "")
        # Mended, it is taken.
        shutil.copy(light_export / "saved_model.pb", folder / "3" / "saved_model.pb")
        wait_for_state(server, 3, "AVAILABLE")
        wait_for_state(server, 2, "END")
        time.sleep(0.5)
    assert traffic.statuses == []
    assert sorted(set(traffic.versions)) == [1, 2, 3] and traffic.versions == sorted(traffic.versions)
    assert "version 3 is not served" in server.log.read_text()
    # Told to stop in the middle of requests, it answers them and ends well.
    with Traffic(server) as traffic:
        time.sleep(1)
        assert server.stop() == 0
    # A call that comes while gRPC shuts down, and that it has not handed over to anyone, it cancels itself.
    assert traffic.versions and set(traffic.statuses) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: there is no such export folder"),
        (["{empty}"], "there is no version of an export in it"),
        (["{export}", "--host", "300.0.0.1"], "300.0.0.1: no such address"),
        (["{export}", "--rest-port", "{taken}"], "REST cannot listen there (Address already in use)"),
        (
            ["{export}", "--rest-port", "{free}", "--grpc-port", "{free}"],
            "gRPC cannot listen there; choose --grpc-port",
        ),
        (["{export}", "--rest-port", "0", "--grpc-port", "{taken}"], "gRPC cannot listen there; choose --grpc-port"),
        (["{export}", "--batch-size", "0"], "--batch-size"),
    ],
)
def test_a_server_that_cannot_start_says_why(served_folder, tmp_path, arguments, message, capsys):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        values = {"empty": tmp_path, "export": served_folder, "taken": taken.getsockname()[1], "free": free}
        with pytest.raises(SystemExit) as stopped:
            main(["serve", *(argument.format(**values) for argument in arguments)])
    error = capsys.readouterr().err
    assert (stopped.value.code, message in error, len(error.splitlines())) == (2, True, 1), error
