"""The small HTTP/1.1 server of the devstack's own servers: the company pages and the inbox."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MAX_REQUEST_BYTES = 1_000_000
IDLE_SECONDS = 60.0


@dataclass(frozen=True)
class Request:
    """What a client asks: ``query`` holds the first value of each parameter."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What it gets.

    A ``body`` that comes in parts is sent as it is made. A ``length`` is announced whatever the
    parts add up to; without one such a body ends with the connection.
    """

    body: bytes | Iterable[bytes] = b""
    status: int = HTTPStatus.OK
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


def as_json(data: object, status: int = HTTPStatus.OK) -> Answer:
    """Return an answer that holds the data as JSON."""
    # Half of a surrogate pair has no UTF-8; its backslash escape is what JSON writes for it.
    body = json.dumps(data, ensure_ascii=False).encode(errors="backslashreplace")
    return Answer(body, status, "application/json; charset=utf-8")


NOT_FOUND = as_json({"message": "no such address"}, HTTPStatus.NOT_FOUND)
Responder = Callable[[Request], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    wbufsize = -1
    respond: Responder

    def do_GET(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            self._send(self._answer())

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (the base class names them so)

    def _answer(self) -> Answer:
        size = int(self.headers.get("Content-Length", 0))
        if size > MAX_REQUEST_BYTES:
            self.close_connection = True
            return Answer(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        return type(self).respond(Request(self.command, address.path, query, self.rfile.read(size)))

    def _send(self, answer: Answer) -> None:
        whole = isinstance(answer.body, bytes)
        length = len(answer.body) if isinstance(answer.body, bytes) else answer.length
        self.close_connection = self.close_connection or not whole
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        for part in [answer.body] if isinstance(answer.body, bytes) else answer.body:
            self.wfile.write(part)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's)
        """Stay silent: the servers keep their own record of what was asked."""


def serve(host: str, port: int, respond: Responder) -> None:
    """Answer requests for ever; each connection has its own thread.

    Raises:
        OSError: the port cannot be used.
    """
    handler = type("Handler", (_Handler,), {"respond": staticmethod(respond)})
    with _Server((host, port), handler) as server:
        server.serve_forever()
