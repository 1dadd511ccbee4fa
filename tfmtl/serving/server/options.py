"""The options of a server."""

import os

from pydantic import Field

from tfmtl.core.registry import Options
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES


class ServerOptions(Options):
    """The limits of a server, and the options by which it gathers requests.

    Attributes:
        allowed_hosts: names, besides those of the loopback interface and the host it listens at, under which clients
            may ask it over REST; `*` allows all.
        allowed_ops: ops that the graph of a version may have, besides those of exports.
        batch_size: the number of rows of several requests that are answered together; 1 answers each request alone.
        batch_delay: the time in seconds for which a request waits for others to join it.
        max_rows: the maximum number of rows in one request.
        max_enqueued_rows: the maximum number of rows that wait for an answer from one signature; more are refused.
        threads: the number of batches that run at the same time.
        max_request_bytes: the maximum size of one request's body.
        max_pending_bytes: the maximum size of all requests that have arrived, in part or whole, and are not answered.
        max_connections: the maximum number of REST connections, and of gRPC calls under way.
        request_seconds: the time limit from the end of a request's headers to its answer; also the limit for the
            headers to arrive.
        send_seconds: the time limit for a client to take an answer.
        versions: the number of newest versions that are served.
        poll_seconds: the interval at which the folder is searched for new versions.
        grace_seconds: the time limit for requests under way when the server is told to stop.
    """

    allowed_hosts: tuple[str, ...] = ()
    allowed_ops: tuple[str, ...] = ()
    batch_size: int = Field(max(ALLOWED_BATCH_SIZES), ge=1)
    batch_delay: float = Field(0.005, ge=0.0)
    max_rows: int = Field(max(ALLOWED_BATCH_SIZES), ge=1)
    max_enqueued_rows: int = Field(64 * max(ALLOWED_BATCH_SIZES), ge=1)
    threads: int = Field(os.cpu_count() or 1, ge=1)
    max_request_bytes: int = Field(4 * 1024**2, ge=1024)
    max_pending_bytes: int = Field(64 * 1024**2, ge=1024)
    max_connections: int = Field(512, ge=1)
    request_seconds: float = Field(60.0, gt=0.0)
    send_seconds: float = Field(20.0, gt=0.0)
    versions: int = Field(1, ge=1)
    poll_seconds: float = Field(1.0, gt=0.0)
    grace_seconds: float = Field(30.0, ge=0.0)
