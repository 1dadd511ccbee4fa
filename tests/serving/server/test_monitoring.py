import asyncio
import contextlib

import pytest
from starlette.requests import ClientDisconnect

from tfmtl.serving.server.faults import Fault, RequestError
from tfmtl.serving.server.monitoring import Monitoring


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "OK"),
        (RequestError(Fault.OVERLOADED, "later"), "RESOURCE_EXHAUSTED"),
        (ZeroDivisionError(), "INTERNAL"),
        (asyncio.CancelledError(), "CANCELLED"),
        (ClientDisconnect(), "CANCELLED"),
    ],
)
def test_a_request_is_counted_by_its_status_and_timed(error, status):
    monitoring = Monitoring("tiny")
    for _ in range(2):
        with contextlib.suppress(BaseException), monitoring.request("predict", "REST"):
            if error:
                raise error
    labels = {"model_name": "tiny", "API": "predict", "entrypoint": "REST"}
    value = monitoring.registry.get_sample_value
    assert value(":tensorflow:serving:request_count_total", {**labels, "status": status}) == 2.0
    assert value(":tensorflow:serving:request_latency_count", labels) == 2.0


def test_the_rows_of_batches_are_counted():
    monitoring = Monitoring("tiny")
    for rows in (1, 8, 64):
        monitoring.batch(rows)
    labels = {"model_name": "tiny"}
    name = ":tensorflow:serving:batching_session:processed_batch_size"
    assert monitoring.registry.get_sample_value(f"{name}_sum", labels) == 73.0
    assert monitoring.registry.get_sample_value(f"{name}_bucket", {**labels, "le": "8.0"}) == 2.0
    assert f'{name}_count{{model_name="tiny"}} 3.0' in monitoring.text().decode()
