"""What a server is started with."""

import os

from pydantic import Field

from tfmtl.core.registry import Options
from tfmtl.serving.export.warmup import ALLOWED_BATCH_SIZES


class ServerOptions(Options):
    """Limits of a server, and how it gathers requests.

    Attributes:
        batch_size: rows of several requests that are answered together; 1 answers each request by itself.
        batch_delay: seconds for which a request waits for others to join it.
        max_rows: of one request.
        max_enqueued_rows: that wait for an answer from one signature; what comes on top is refused at once.
        threads: batches that run at the same time.
        max_request_bytes: of one request's body.
        request_seconds: from a request's arrival to its answer; also for its headers, and for its body, to arrive.
        versions: how many of the newest versions are served.
        poll_seconds: between two looks at the folder for new versions.
        grace_seconds: for what is under way when the server is told to stop.
    """

    batch_size: int = Field(max(ALLOWED_BATCH_SIZES), ge=1)
    batch_delay: float = Field(0.005, ge=0.0)
    max_rows: int = Field(max(ALLOWED_BATCH_SIZES), ge=1)
    max_enqueued_rows: int = Field(64 * max(ALLOWED_BATCH_SIZES), ge=1)
    threads: int = Field(os.cpu_count() or 1, ge=1)
    max_request_bytes: int = Field(4 * 1024**2, ge=1024)
    request_seconds: float = Field(60.0, gt=0.0)
    versions: int = Field(1, ge=1)
    poll_seconds: float = Field(1.0, gt=0.0)
    grace_seconds: float = Field(30.0, ge=0.0)
