"""The metrics that Prometheus reads from a server, under TensorFlow Serving's names where these exist."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.requests import ClientDisconnect

from tfmtl.serving.server.faults import Fault, RequestError

_MICROSECONDS = 1e6
_LATENCIES = [1000 * 2**power for power in range(18)]
_ROWS = [2**power for power in range(11)]


class Monitoring:
    """Counts requests and measures how long they take.

    Names are those of TensorFlow Serving, except for the suffix `_total` of counters, which Prometheus' library adds.

    Args:
        model: the model's name.
    """

    def __init__(self, model: str):
        self._model = model
        self.registry = CollectorRegistry()
        self._requests = Counter(
            ":tensorflow:serving:request_count",
            "Requests by their status.",
            ["model_name", "API", "entrypoint", "status"],
            registry=self.registry,
        )
        self._latency = Histogram(
            ":tensorflow:serving:request_latency",
            "Microseconds from a request's arrival to its answer.",
            ["model_name", "API", "entrypoint"],
            buckets=_LATENCIES,
            registry=self.registry,
        )
        self._batches = Histogram(
            ":tensorflow:serving:batching_session:processed_batch_size",
            "Rows that were answered together.",
            ["model_name"],
            buckets=_ROWS,
            registry=self.registry,
        )

    def batch(self, rows: int) -> None:
        """Counts a batch of this number of rows."""
        self._batches.labels(self._model).observe(rows)

    @contextmanager
    def request(self, api: str, entrypoint: str) -> Iterator[None]:
        """Counts and times the request that is answered in this context.

        Args:
            api: the name of the API, such as `predict`.
            entrypoint: the interface, `REST` or `GRPC`.
        """
        started, status = time.perf_counter(), "OK"
        try:
            yield
        except RequestError as error:
            status = error.fault.grpc_code.name
            raise
        except (asyncio.CancelledError, ClientDisconnect):
            status = grpc.StatusCode.CANCELLED.name
            raise
        except BaseException:
            status = Fault.INTERNAL.grpc_code.name
            raise
        finally:
            self._requests.labels(self._model, api, entrypoint, status).inc()
            elapsed = (time.perf_counter() - started) * _MICROSECONDS
            self._latency.labels(self._model, api, entrypoint).observe(elapsed)

    def text(self) -> bytes:
        """Returns all counts in Prometheus' text format."""
        return generate_latest(self.registry)
