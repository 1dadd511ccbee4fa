"""TensorFlow Serving's REST interface, and a page for people."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from google.protobuf.json_format import MessageToDict
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tfmtl.core.errors import nearest
from tfmtl.core.registry import KINDS
from tfmtl.core.whole_number import whole_number
from tfmtl.generation.batch_reader import decoded
from tfmtl.kinds.kind import kind_named, kind_of
from tfmtl.serving.export.server_config import MONITORING_PATH
from tfmtl.serving.server import json_form
from tfmtl.serving.server.access import Access, require_json
from tfmtl.serving.server.calls import Call, Calls
from tfmtl.serving.server.clients import client_at
from tfmtl.serving.server.explanations import explanations
from tfmtl.serving.server.faults import Fault, RequestError, internal, shortened
from tfmtl.serving.server.json_form import as_columns, as_rows, of_columns, of_rows
from tfmtl.serving.server.monitoring import Monitoring
from tfmtl.serving.server.options import ServerOptions
from tfmtl.serving.server.page import content_policy, page
from tfmtl.serving.server.receiving import read_body, while_connected
from tfmtl.serving.server.status import SIGNATURES, model_status, signature_definitions
from tfmtl.serving.server.versions import Version, Versions

_logger = logging.getLogger("tfmtl")
_VERSIONS = ("", "/versions/{version}", "/labels/{label}")
_CLIENT_GONE = 499  # The status that servers customarily log for a client that has disconnected.

_SMALL_BODY = 1 << 16
"""Up to so many bytes, a body is parsed in less time than a thread takes to begin."""

Handler = Callable[[Request], Awaitable[Response]]
Answer = Callable[[Request, Call], Awaitable[object]]


class RestApi:
    """The routes of one model.

    Args:
        versions: the versions that answer.
        monitoring: the monitoring of the server.
        options: the options of the server.
        calls: the requests under way, over gRPC too; `None` if there is no other interface.
        host: the host at which it listens.
    """

    def __init__(
        self,
        versions: Versions,
        monitoring: Monitoring,
        options: ServerOptions,
        calls: Calls | None = None,
        host: str = "localhost",
    ):
        self._versions = versions
        self._monitoring = monitoring
        self._options = options
        self._calls = calls or Calls(options)
        self._host = host

    def application(self, lifespan: Callable) -> Starlette:
        """Returns the ASGI application.

        Args:
            lifespan: the lifespan context of Starlette, which runs as long as the application does.
        """
        kinds = {entry.name: kind_named(entry.name).rest_action for entry in KINDS}
        actions: dict[str, Answer] = {"predict": self._predict}
        actions |= {action: self._of_kind(kind) for kind, action in kinds.items() if action}
        routes = [
            Route("/", self._page),
            Route(MONITORING_PATH, self._metrics),
            *(
                Route(f"/v1/models/{{name}}{path}/metadata", self._handler("metadata", self._metadata))
                for path in _VERSIONS
            ),
            *(
                Route(f"/v1/models/{{name}}{path}:{action}", self._handler(action, answer), methods=["POST"])
                for path in _VERSIONS
                for action, answer in actions.items()
            ),
            *(
                Route(f"/v1/models/{{name}}{path}:{action}", self._only_post)
                for path in _VERSIONS
                for action in actions
            ),
            *(Route(f"/v1/models/{{name}}{path}", self._handler("status", self._status)) for path in _VERSIONS),
        ]
        handlers = {HTTPException: _http_error}
        access = Middleware(Access, hosts=[self._host, *self._options.allowed_hosts])
        return Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers, middleware=[access])

    def _handler(self, api: str, answer: Answer) -> Handler:
        """Returns an endpoint that answers in JSON, including its errors."""

        async def handle(request: Request) -> Response:
            client = client_at(*request.client) if request.client else None
            try:
                with self._monitoring.request(api, "REST"), self._calls.begin(client) as call:
                    return _Json(await answer(request, call))
            except RequestError as error:
                return _error(str(error), error.fault.http_status)
            except ClientDisconnect:
                return Response(status_code=_CLIENT_GONE)
            except asyncio.CancelledError:
                # The request was not answered within the grace period.
                return _error("the server has stopped", Fault.UNAVAILABLE.http_status)
            except Exception as error:
                _logger.exception("a request failed")
                return _error(internal(error), Fault.INTERNAL.http_status)

        return handle

    async def _predict(self, request: Request, call: Call):
        body = await self._body(request, call, ["instances", "inputs", "explain"])
        is_row_form, explains = body.is_row_form(), body.explains
        with self._using(request) as version:
            names = version.servable.input_names(body.signature)
            read, form = (of_rows, "instances") if is_row_form else (of_columns, "inputs")
            inputs = read(body.fields[form], names)
            outputs = await while_connected(request, version.predict(body.signature, inputs, call))
            explained = {}
            if explains:
                explained = await while_connected(request, explanations(version, body.signature, inputs, call))
        if is_row_form:
            return {"predictions": as_rows(outputs, explained)}
        return {"outputs": as_columns(outputs, explained)}

    def _of_kind(self, kind: str) -> Answer:
        """Returns the handler of TensorFlow Serving's action for tasks of one kind."""

        async def answer(request: Request, call: Call):
            with self._using(request) as version:
                name, outputs = await self._of_examples(request, call, version, kind)
                task = version.servable.description.tasks[name]
            of_task = {suffix: decoded(outputs[f"{name}_{suffix}"]) for suffix in kind_of(task).outputs}
            return {"result": kind_of(task).rest_result(of_task, task.labels)}

        return answer

    async def _of_examples(self, request: Request, call: Call, version: Version, kind: str):
        """Returns the one task of a kind that a request asks for, and its outputs."""
        body = await self._body(request, call, ["examples", "context"])
        version.servable.signature_def(body.signature)
        tasks = {name for name, task in version.servable.description.tasks.items() if task.kind == kind}
        if body.signature not in tasks:
            known = nearest(body.signature, tasks)
            raise RequestError(Fault.INVALID, f"signature '{body.signature}' is not that of a {kind} task; {known}")
        context, examples = body.fields.get("context", {}), body.fields.get("examples")
        if not isinstance(context, dict):
            raise RequestError(Fault.INVALID, "'context' is not an object")
        if isinstance(examples, list):
            examples = [{**context, **example} if isinstance(example, dict) else example for example in examples]
        inputs = of_rows(examples, version.servable.input_names(body.signature), "examples")
        return body.signature, await while_connected(request, version.predict(body.signature, inputs, call))

    async def _status(self, request: Request, call: Call):
        self._versions.check_name(request.path_params["name"])
        return _as_dict(model_status(self._versions, *_version(request)))

    async def _metadata(self, request: Request, call: Call):
        with self._using(request) as version:
            spec = {"name": self._versions.name, "signature_name": "", "version": str(version.number)}
            return {"model_spec": spec, "metadata": {SIGNATURES: _as_dict(signature_definitions(version))}}

    async def _only_post(self, request: Request) -> Response:
        return _error("use POST, with a JSON body", 405, {"Allow": "POST"})

    async def _metrics(self, request: Request) -> Response:
        return Response(self._monitoring.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _page(self, request: Request) -> Response:
        try:
            with self._versions.using() as version:
                html = page(self._versions.name, version.servable.description)
                return HTMLResponse(html, headers={"Content-Security-Policy": content_policy(html)})
        except RequestError as error:
            return _error(str(error), error.fault.http_status)

    async def _body(self, request: Request, call: Call, known: list[str]) -> json_form.Body:
        """Returns the JSON object in a request's body, if it is small enough and comes in time."""
        content = await read_body(request, call, self._options.max_request_bytes)
        # Not before: a client that is still sending would not see the answer.
        require_json(request.headers)
        if len(content) <= _SMALL_BODY:
            return json_form.Body.parse(content, known, self._options.max_rows)
        return await asyncio.to_thread(json_form.Body.parse, content, known, self._options.max_rows)

    @contextmanager
    def _using(self, request: Request) -> Iterator[Version]:
        self._versions.check_name(request.path_params["name"])
        with self._versions.using(*_version(request)) as version:
            yield version


def _version(request: Request) -> tuple[int | None, str | None]:
    version = request.path_params.get("version")
    number = None if version is None else whole_number(version)
    if version is not None and number is None:
        raise RequestError(Fault.INVALID, f"version '{version}' is not a whole number of 63 bits")
    return number, request.path_params.get("label")


def _as_dict(message) -> dict:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


class _Json(JSONResponse):
    """JSON in UTF-8, whatever name a client has sent: half of a surrogate pair becomes a question mark."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
            "utf-8", "replace"
        )


def _error(message: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
    return _Json({"error": message}, status, headers)


async def _http_error(request: Request, error: HTTPException) -> Response:
    message = shortened(f"{request.method} {request.url.path}: {error.detail}")
    return _error(message, error.status_code, error.headers)
