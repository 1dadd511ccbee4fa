"""Bodies that do not come as they should; what a server answers otherwise is in `test_serve.py`."""

import asyncio
import json

import pytest
from starlette.requests import Request

from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.rest import RestApi


def status_of(receive, **options) -> tuple[int, str]:
    """Returns the status and the error of a prediction whose body comes from `receive`."""
    api = RestApi(None, Monitoring("tiny"), ServerOptions(**options))
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "path_params": {"name": "tiny"}}
    response = asyncio.run(api._handler("predict", api._predict)(Request(scope, receive)))
    return response.status_code, json.loads(response.body)["error"] if response.body else ""


@pytest.mark.parametrize("pause", [0.02, 10])
def test_a_body_that_comes_too_slowly_is_given_up(pause):
    async def receive():
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": b"{", "more_body": True}

    assert status_of(receive, request_seconds=0.2) == (408, "the body did not arrive within 0.2 seconds")


def test_a_body_that_never_ends_is_given_up_at_the_limit():
    sizes = []

    async def receive():
        sizes.append(1000)
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    assert status_of(receive, max_request_bytes=5000) == (413, "the body is larger than 5000 bytes")
    assert sum(sizes) == 6000


def test_who_goes_in_the_middle_of_the_body_gets_no_answer():
    async def receive():
        return {"type": "http.disconnect"}

    assert status_of(receive) == (499, "")
