"""The client of the two JSON APIs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from flask import request
from urllib3.exceptions import HTTPError
from urllib3.filepost import encode_multipart_formdata

from core import web
from web.errors import RefusedError, RejectedError, UnauthorizedError, UnavailableError

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0  # between two pieces of an answer
MAX_ANSWER_BYTES = 8_000_000
CHUNK_BYTES = 65_536
POOL_SIZE = 32
MAX_FORWARDED_LENGTH = 500

OK = 200
BAD_REQUEST = 400
UNAUTHORIZED = 401
UNPROCESSABLE = 422
SERVER_ERROR = 500

# A file to send: its field's name, its own name, its content.
Upload = tuple[str, str, bytes]


class Api:
    """One of the APIs; safe from any thread, with its connections kept open."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._root = urlsplit(url).path.rstrip("/")
        # Of one host: a manager of pools would look for it anew in each call.
        self._pool = urllib3.connection_from_url(
            url,
            maxsize=POOL_SIZE,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            # A kept-open connection may have been closed meanwhile; only what can do no harm
            # twice is sent again.
            retries=urllib3.Retry(1, redirect=False, allowed_methods=("GET", "PUT")),
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        upload: Upload | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the `data` of the envelope.

        Raises:
            RefusedError: a field is wrong.
            UnauthorizedError: the token or the password is not good.
            RejectedError: the API said no.
            UnavailableError: it did not answer, or not with an envelope.
        """
        sent = _headers(token) | dict(headers or {})
        content: bytes | None = None
        if upload is not None:
            field, name, data = upload
            content, sent["Content-Type"] = encode_multipart_formdata({field: (name, data)})
        elif body is not None:
            content, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        return self._data(self._send(method, path, query, sent, content))

    def stream(
        self, path: str, *, token: str | None, query: Mapping[str, Any]
    ) -> tuple[str, Iterator[bytes]]:
        """Return the content type and the pieces of an answer that is no envelope.

        Raises the same errors as `call`; closing the iterator closes the answer.
        """
        response = self._send("GET", path, query, _headers(token), None)
        if response.status != OK:
            self._data(response)
        return response.headers.get("Content-Type", ""), response.stream(CHUNK_BYTES)

    def check(self) -> None:
        """Raise an ApiError unless the service answers."""
        self.call("GET", "/healthz")

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        headers: dict[str, str],
        content: bytes | None,
    ) -> urllib3.BaseHTTPResponse:
        address = f"{self._root}{path}{'?' + urlencode(query) if query else ''}"
        try:
            return self._pool.request(
                method, address, headers=headers, body=content, preload_content=False
            )
        except HTTPError as exc:
            raise UnavailableError(f"{self.name}: {type(exc).__name__}") from exc

    def _data(self, response: urllib3.BaseHTTPResponse) -> Any:
        envelope = self._envelope(response)
        status = response.status
        if status < BAD_REQUEST:
            return envelope.get("data")
        message = str(envelope.get("message", ""))
        if status == UNPROCESSABLE:
            raise RefusedError(message, envelope.get("errors") or {})
        if status == UNAUTHORIZED:
            raise UnauthorizedError(message)
        if status >= SERVER_ERROR:
            raise UnavailableError(f"{self.name} answered {status}")
        raise RejectedError(status, message, _seconds(response.headers.get("Retry-After")))

    def _envelope(self, response: urllib3.BaseHTTPResponse) -> dict[str, Any]:
        try:
            envelope = json.loads(_bounded(response))
        except (ValueError, HTTPError) as exc:
            raise UnavailableError(f"{self.name}: {type(exc).__name__}") from exc
        if not isinstance(envelope, dict):
            raise UnavailableError(f"{self.name}: no envelope")
        return envelope


def segment(text: str) -> str:
    """Return text that came from outside as one segment of a path (RFC 3986)."""
    return quote(text, safe="")


def _headers(token: str | None) -> dict[str, str]:
    headers = {"X-Request-ID": web.request_id(), "X-Forwarded-For": _way_here()}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _way_here() -> str:
    """Return the addresses by which the request came, so that limits count people and not us."""
    said = request.headers.get("X-Forwarded-For", "")
    known = [said] if said and len(said) <= MAX_FORWARDED_LENGTH else []
    return ", ".join([*known, request.remote_addr or "unknown"])


def _bounded(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the whole answer and give the connection back; raises ValueError for a long one."""
    content = response.read(MAX_ANSWER_BYTES + 1)
    if len(content) > MAX_ANSWER_BYTES:
        response.close()
        raise ValueError("the answer is too long")
    response.release_conn()
    return content


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
