"""The tiny export, served by the command line in a process of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

import tfmtl
from tests.serving.server.units import run, write_experiment
from tfmtl.runs.run_folder import RunFolder

SECONDS_TO_START = 120


@dataclass
class Server:
    """A running `tfmtl serve`."""

    process: subprocess.Popen
    log: Path
    rest: str
    grpc: str

    def stop(self) -> int:
        """Sends SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory):
    """Starts servers; those that a test leaves running are killed."""
    servers = []

    def start(folder: Path, *arguments: str) -> Server:
        log = tmp_path_factory.mktemp("servers") / "log.txt"
        command = [sys.executable, "-m", "tfmtl.cli", "serve", str(folder), "--rest-port", "0", "--grpc-port", "0"]
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        with open(log, "w") as file:
            process = subprocess.Popen([*command, *arguments], stdout=file, stderr=file, env=environment)
        deadline = time.monotonic() + SECONDS_TO_START
        while not (found := re.search(r"REST (http://\S+), gRPC (\S+)", log.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        servers.append(Server(process, log, *found.groups()))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()


@pytest.fixture(scope="session")
def served_folder(export, tmp_path_factory):
    """A copy of the export whose versions tests may add to."""
    folder = tmp_path_factory.mktemp("served") / "tiny"
    shutil.copytree(export, folder / "1")
    return folder


@pytest.fixture(scope="session")
def server(start_server, served_folder):
    return start_server(served_folder, "--versions", "2", "--max-request-bytes", "100000")


@pytest.fixture(scope="session")
def predict_url(server):
    return f"{server.rest}/v1/models/tiny:predict"


@pytest.fixture(scope="session")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.fixture(scope="session")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def units_config(tmp_path_factory) -> Path:
    """The configuration of tasks that answer about words; see `units.py`."""
    return write_experiment(tmp_path_factory.mktemp("units"))


@pytest.fixture(scope="session")
def units_run(units_config) -> RunFolder:
    """Their run, which has been evaluated."""
    folder = units_config.parent / "run"
    run("train", units_config, "--run", folder)
    run("evaluate", folder)
    return RunFolder.open(folder)


@pytest.fixture(scope="session")
def units_export(units_run) -> Path:
    return tfmtl.export(units_run, units_run.path.parent / "saved_models" / "units")


@pytest.fixture(scope="session")
def units_server(start_server, units_export):
    return start_server(units_export.parent)
