"""Several workers on one machine."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence


def worker_configurations(count: int) -> list[str]:
    """Returns the value of `TF_CONFIG` for each worker of a cluster on free ports of this machine."""
    cluster = {"worker": [f"localhost:{port}" for port in _free_ports(count)]}
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in range(count)]


def run_two_workers(arguments: Sequence[str]) -> None:
    """Runs Python with the same arguments in two processes of one cluster; both must succeed."""
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments],
            env={**os.environ, "TF_CONFIG": configuration},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for configuration in worker_configurations(2)
    ]
    logs = [process.communicate(timeout=500)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], logs[0][-3000:] + logs[1][-3000:]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
