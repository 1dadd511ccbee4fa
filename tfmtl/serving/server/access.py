"""Who may use a server: under which names it answers, and what pages of other sites may not do.

A browser on this machine reaches the loopback interface for every page that it shows. A page of another site is kept
out in two ways. It cannot let a name of its own lead here (DNS rebinding), because a request must ask for one of the
server's names. And its requests are refused, since a browser says where they come from: in `Origin`, and in
`Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/).
"""

import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tfmtl.serving.server.faults import Fault, RequestError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The names under which every server answers."""

ANY_HOST = "*"
"""The name that stands for all names."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""The headers of every answer, unless it has its own."""

_AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.IGNORECASE | re.ASCII)
_PORTS = {"http": "80", "https": "443"}
_OWN_SITE = ("same-origin", "none")


class Access:
    """ASGI middleware that refuses requests from elsewhere, and gives every answer the `HEADERS`.

    Args:
        app: the application.
        hosts: names and addresses under which the server answers, besides those of the loopback interface and the
            address that a connection has reached; `ANY_HOST` among them allows all.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]):
        self._app = app
        self._hosts = {host.lower().strip("[]") for host in (*LOOPBACK, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            self._check(scope)
        except RequestError as error:
            response = JSONResponse({"error": str(error)}, error.fault.http_status)
            await response(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        asked = headers.get("host", "")
        host, _ = _authority(asked)
        reached = (scope.get("server") or ("",))[0]
        if ANY_HOST not in self._hosts and host not in self._hosts and host != reached:
            raise _forbidden(f"this server does not answer as '{asked}'; --allowed-host adds a name to its own")
        origin = headers.get("origin")
        if origin is not None and not _is_same(origin, asked):
            raise _forbidden(f"pages of '{origin}' may not use this server")
        site = headers.get("sec-fetch-site", _OWN_SITE[0])
        if site not in _OWN_SITE and not _is_link(scope, headers):
            raise _forbidden("pages of other sites may not use this server")


def require_json(headers: Headers) -> None:
    """Checks that a body is said to be JSON: browsers let pages of any site send other types without asking.

    Raises:
        RequestError: if it is not.
    """
    found = headers.get("content-type", "").partition(";")[0].strip().lower()
    if found != "application/json":
        raise RequestError(
            Fault.OTHER_TYPE, f"the body is '{found or 'of no type'}'; send 'Content-Type: application/json'"
        )


def _authority(text: str, port: str = "") -> tuple[str, str]:
    """Returns a host in lower case, without brackets and final point, and its port; empty texts if it is none."""
    found = _AUTHORITY.fullmatch(text)
    return (found[1].lower().strip("[]").removesuffix("."), found[2] or port) if found else ("", "")


def _is_same(origin: str, asked: str) -> bool:
    """Whether a page comes from the host that it asks; a proxy may have ended its encryption."""
    scheme, _, host = origin.partition("://")
    return scheme in _PORTS and _authority(host, _PORTS[scheme]) == _authority(asked, _PORTS[scheme])


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Whether a person follows a link: it shows a page in a tab of its own, which the linking page cannot read."""
    kind = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return scope["method"] == "GET" and kind == ("navigate", "document")


def _forbidden(message: str) -> RequestError:
    return RequestError(Fault.FORBIDDEN, message)
