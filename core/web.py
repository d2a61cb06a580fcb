"""What every Flask service has: envelope, errors, request id, health, metrics, documentation.

Every answer is `{"status", "resource", "message", "data"}` and carries `X-Request-ID`; a refused
payload (422) has `errors: {field: [messages]}` too.
"""

import json
import os
import re
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from secrets import token_hex
from typing import Any

import structlog
from apiflask import APIFlask, HTTPError
from flask import Response, current_app, g, request
from flask.json.provider import DefaultJSONProvider
from flask_swagger_ui import get_swaggerui_blueprint
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client import REGISTRY as PROCESS_REGISTRY
from pydantic import ValidationError

from core import logs
from core.broker import events
from core.broker.publisher import Publisher
from core.clock import utc_text
from core.envelope import MESSAGES, Envelope
from core.validation import field_errors

MAX_BODY_BYTES = 1_000_000
UNPROCESSABLE = 422
SERVER_ERROR = 500

# Raises when the dependency cannot be used; must answer within a few seconds.
Check = Callable[[], None]

log = logs.logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUESTS = Counter("http_requests", "Requests answered.", ["method", "route", "status"])
_SECONDS = Histogram("http_request_seconds", "Time to answer a request.", ["method", "route"])


class Service(APIFlask):
    """An app whose views are all plain functions, so that none is asked whether it waits."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


class Json(DefaultJSONProvider):
    """JSON as it is answered, with accents and in the order of the code, and as it is read."""

    ensure_ascii = False
    sort_keys = False

    @staticmethod
    def default(o: Any) -> Any:
        """Return what stands for an object that JSON does not know: of a moment, its UTC text."""
        if isinstance(o, datetime):
            return utc_text(o)
        return DefaultJSONProvider.default(o)

    # `json.dumps` would make an encoder for each answer.
    _encode = staticmethod(json.JSONEncoder(ensure_ascii=False, default=default).encode)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write JSON."""
        return super().dumps(obj, **kwargs) if kwargs else self._encode(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON; raises ValueError for any that cannot be, however deeply it is nested.

        `null` cannot be either: APIFlask would take it for an object without fields.
        """
        try:
            value = super().loads(s, **kwargs)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if value is None:
            raise ValueError("nothing in it")
        return value


def create_app(
    service: str,
    *,
    title: str,
    publisher: Publisher,
    checks: Mapping[str, Check],
    on_refused: Callable[[dict[str, list[str]]], None] | None = None,
) -> APIFlask:
    """Make a service's app with everything that the services share.

    `checks` names the dependencies that `/readyz` asks; `on_refused` is told of the field errors
    of every refused payload.
    """
    app = Service(service, title=title, version="1.0.0", docs_path=None)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        OPENAPI_VERSION="3.1.0",
        BASE_RESPONSE_SCHEMA=Envelope,
        AUTO_OPERATION_ID=True,
    )
    app.json = Json(app)
    app.security_schemes = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    }
    app.register_blueprint(get_swaggerui_blueprint("/swagger-ui", "/openapi.json"))
    trace_requests(app)
    _answer_errors(app, publisher, on_refused)
    add_health(app, checks)
    return app


def answer(resource: str, message: str, data: Any = None, status: int = 200) -> Response:
    """Return an envelope; `message` is for people, in Portuguese."""
    return _respond({"status": status, "resource": resource, "message": message, "data": data})


def refuse(
    status: int, message: str | None = None, errors: dict[str, list[str]] | None = None
) -> Response:
    """Return the envelope of an error; without a message, the usual one for the status."""
    body = {
        "status": status,
        "resource": request.path.strip("/").split("/")[0],
        "message": message or MESSAGES.get(status, "Erro."),
        "data": None,
    }
    if errors is not None:
        body["errors"] = errors
    return _respond(body)


def _respond(envelope: dict[str, Any]) -> Response:
    text = current_app.json.dumps(envelope)
    return Response(text, envelope["status"], content_type="application/json")


def request_id() -> str:
    """Return the id of the present request, as the client gave it or made here."""
    known: str = g.request_id
    return known


def trace_requests(app: APIFlask) -> None:
    """Give every request its id, its log line and its figures; first in line for each request."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else token_hex(16)
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        method, rule = request.method, request.url_rule
        route = rule.rule if rule else "unknown"
        response.headers["X-Request-ID"] = g.request_id
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Cache-Control", "no-store")
        # A client may make methods up; each would be a series that is kept for ever.
        known = method if method in _METHODS else "other"
        requests, spent = _figures(known, route, response.status_code)
        requests.inc()
        spent.observe(seconds)
        log.info(
            "request",
            method=method,
            route=route,
            status=response.status_code,
            ms=round(seconds * 1000, 1),
        )
        return response


# Finding a series by its labels takes as long as adding to it; there are as many as routes.
@lru_cache(maxsize=1_000)
def _figures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _REQUESTS.labels(method, route, status), _SECONDS.labels(method, route)


def _answer_errors(
    app: APIFlask,
    publisher: Publisher,
    on_refused: Callable[[dict[str, list[str]]], None] | None,
) -> None:
    @app.error_processor
    def expected(error: HTTPError) -> Response:
        errors = None
        message = None
        if isinstance(error.__cause__, ValidationError):
            errors = field_errors(error.__cause__)
            if on_refused is not None:
                on_refused(errors)
        elif error.extra_data.get("ours"):
            message = error.message
        response = refuse(error.status_code, message, errors)
        response.headers.extend(dict(error.headers))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        report(publisher, app.import_name, error)
        return refuse(SERVER_ERROR)


def report(publisher: Publisher, service: str, error: Exception) -> None:
    """Log an exception that no view handled and send its `exception_error` event."""
    # Only the frames: the text of an exception may hold what a user typed.
    stack = "".join(traceback.format_tb(error.__traceback__))
    log.error("unhandled_exception", type=type(error).__name__, stack=stack)
    events.emit(
        publisher,
        "exception",
        request_id=g.request_id,
        service=service,
        type=type(error).__name__,
        method=request.method,
        route=request.url_rule.rule if request.url_rule else "unknown",
        stack=stack,
    )


def stop(status: int, message: str) -> HTTPError:
    """Return the exception that answers with this status and Portuguese message."""
    return HTTPError(status, message, extra_data={"ours": True})


def add_health(app: APIFlask, checks: Mapping[str, Check]) -> None:
    """Add `/healthz`, `/readyz`, which asks each of `checks`, and `/metrics`."""

    @app.get("/healthz")
    @app.doc(tags=["health"], summary="The process answers")
    def healthz() -> Response:
        return answer("healthz", "No ar.", {"status": "ok"})

    @app.get("/readyz")
    @app.doc(tags=["health"], summary="The dependencies answer", responses=[503])
    def readyz() -> Response:
        states = {name: _state(name, check) for name, check in checks.items()}
        if all(state == "ok" for state in states.values()):
            return answer("readyz", "Pronto.", states)
        return answer("readyz", "Alguma dependência não responde.", states, status=503)

    @app.get("/metrics")
    @app.doc(hide=True)
    def metrics() -> Response:
        return Response(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)


def _state(name: str, check: Check) -> str:
    try:
        check()
    except Exception as exc:  # noqa: BLE001 whatever a driver raises means the same here
        log.warning("dependency_unavailable", dependency=name, error=type(exc).__name__)
        return "unavailable"
    return "ok"


def _registry() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return PROCESS_REGISTRY
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def broker_check(publisher: Publisher) -> Check:
    """Return the check that the publisher is connected to the broker."""

    def check() -> None:
        if not publisher.wait_connected(1.0):
            raise ConnectionError("broker")

    return check
