"""Several workers on one machine."""

import json
import socket


def worker_configurations(count: int) -> list[str]:
    """Returns the value of `TF_CONFIG` for each worker of a cluster on free ports of this machine."""
    cluster = {"worker": [f"localhost:{port}" for port in _free_ports(count)]}
    return [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}}) for index in range(count)]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
