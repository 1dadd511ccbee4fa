"""Which names, origins and types of bodies a server answers."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tfmtl.serving.server.access import HEADERS, Access, require_json
from tfmtl.serving.server.faults import Fault, RequestError


def ask(hosts=(), path="/", method="GET", **headers):
    """The status and the headers of the answer to a request; its connection has reached 10.0.0.7."""

    async def answer(request):
        return PlainTextResponse("done")

    routes = [Route("/", answer, methods=["GET", "POST"])]
    application = Starlette(routes=routes, middleware=[Middleware(Access, hosts=hosts)])
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "server": ("10.0.0.7", 8501)}
    given = {"host": "localhost:8501"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in given.items()]
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], Headers(raw=sent[0]["headers"])


def status(hosts=(), method="GET", **headers):
    return ask(hosts, method=method, **headers)[0]


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8501", "LOCALHOST:1", "localhost.", "127.0.0.1:8501", "[::1]:8501", "[::1]", "10.0.0.7"],
)
def test_its_own_names_are_answered(host):
    assert status(host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:8501",
        "localhost.attacker.example",
        "127.0.0.1.attacker.example",
        "attacker.example:8501@localhost",
        "localhost:8501:1",
        "localhost/",
        "localhost attacker.example",
        "10.0.0.8",
        "0.0.0.0",
        "[::2]",
        "",
    ],
)
def test_other_names_are_refused(host):
    assert status(host=host) == 403
    # Neither does it help to be of the same origin, as a page is whose name has been led here.
    assert status(host=host, origin=f"http://{host}", sec_fetch_site="same-origin") == 403


def test_names_can_be_added():
    assert [status(["Models.Example"], host=name) for name in ("models.example:80", "example")] == [200, 403]
    assert [status(["0.0.0.0"], host=name) for name in ("0.0.0.0:8501", "10.0.0.7:8501", "10.0.0.8")] == [200, 200, 403]
    assert status(["::"], host="[::]:8501") == 200
    assert status(["*"], host="attacker.example") == 200


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://localhost:8501", 200),
        ("http://LOCALHOST:8501", 200),
        ("http://localhost:3000", 403),
        ("http://localhost", 403),
        ("http://127.0.0.1:8501", 403),
        ("https://attacker.example", 403),
        ("http://localhost:8501.attacker.example", 403),
        ("chrome-extension://localhost:8501", 403),
        ("null", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_only_its_own_pages_use_it(origin, expected, method):
    found = status(origin=origin, method=method)
    assert found == (405 if (method, expected) == ("OPTIONS", 200) else expected)


def test_behind_a_proxy_that_encrypts_the_origin_has_its_port():
    proxied = {"host": "models.example", "origin": "https://models.example"}
    # Without a port, the host is asked for at that of plain HTTP, and the page comes from that of HTTPS.
    assert status(["models.example"], **proxied) == 200
    assert status(["models.example"], **{**proxied, "origin": "https://models.example:444"}) == 403


@pytest.mark.parametrize(
    ("site", "mode", "destination", "method", "expected"),
    [
        ("same-origin", "cors", "empty", "POST", 200),
        ("none", "navigate", "document", "GET", 200),
        ("cross-site", "navigate", "document", "GET", 200),
        ("cross-site", "navigate", "document", "POST", 403),
        ("cross-site", "navigate", "iframe", "GET", 403),
        ("cross-site", "no-cors", "image", "GET", 403),
        ("cross-site", "no-cors", "empty", "POST", 403),
        ("same-site", "cors", "empty", "POST", 403),
        ("same-site", "no-cors", "script", "GET", 403),
    ],
)
def test_pages_of_other_sites_may_link_to_it_and_no_more(site, mode, destination, method, expected):
    fetch = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": destination}
    assert status(method=method, **fetch) == expected


def test_every_answer_has_the_headers_and_may_have_its_own():
    for path, host in (("/", "localhost"), ("/none", "localhost"), ("/", "attacker.example")):
        _, found = ask(path=path, host=host)
        assert {name: found.get(name) for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("found", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_read(found):
    require_json(Headers({"content-type": found}))


@pytest.mark.parametrize(
    "found",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json,application/json"],
)
def test_other_types_are_refused(found):
    with pytest.raises(RequestError, match="send 'Content-Type: application/json'") as caught:
        require_json(Headers({} if found is None else {"content-type": found}))
    assert caught.value.fault is Fault.OTHER_TYPE
