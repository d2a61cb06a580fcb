"""The client of the two JSON APIs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from flask import request
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from core import web
from web.errors import RefusedError, RejectedError, UnauthorizedError, UnavailableError

TIMEOUT_SECONDS = (2.0, 10.0)  # to connect, and between two pieces of the answer
HEALTH_TIMEOUT_SECONDS = 2.0
MAX_ANSWER_BYTES = 8_000_000
CHUNK_BYTES = 65_536
POOL_SIZE = 32
MAX_FORWARDED_LENGTH = 500

OK = 200
BAD_REQUEST = 400
UNAUTHORIZED = 401
UNPROCESSABLE = 422
SERVER_ERROR = 500


class Api:
    """One of the APIs; safe from any thread, with its connections kept open."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._session = requests.Session()
        # The address is given: no proxy, no .netrc, no cookie is looked for.
        self._session.trust_env = False
        # A kept-open connection may have been closed meanwhile; only harmless calls are repeated.
        again = Retry(total=1, status=0, redirect=0, allowed_methods=("GET", "PUT"))
        self._session.mount("http", HTTPAdapter(pool_maxsize=POOL_SIZE, max_retries=again))

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the `data` of the envelope.

        Raises:
            RefusedError: a field is wrong.
            UnauthorizedError: the token or the password is not good.
            RejectedError: the API said no.
            UnavailableError: it did not answer, or not with an envelope.
        """
        response = self._send(
            method, path, token, json=body, params=query, files=files, headers=headers
        )
        with response:
            return self._data(response)

    def stream(
        self, path: str, *, token: str | None, query: Mapping[str, Any]
    ) -> tuple[str, Iterator[bytes]]:
        """Return the content type and the pieces of an answer that is no envelope.

        Raises the same errors as `call`; closing the iterator closes the answer.
        """
        response = self._send("GET", path, token, params=query)
        if response.status_code != OK:
            with response:
                self._data(response)
        return response.headers.get("Content-Type", ""), response.iter_content(CHUNK_BYTES)

    def check(self) -> None:
        """Raise an exception of requests unless the service answers."""
        self._session.get(f"{self._url}/healthz", timeout=HEALTH_TIMEOUT_SECONDS).raise_for_status()

    def _send(self, method: str, path: str, token: str | None, **how: Any) -> requests.Response:
        own = {"X-Request-ID": web.request_id(), "X-Forwarded-For": _way_here()}
        if token is not None:
            own["Authorization"] = f"Bearer {token}"
        own.update(how.pop("headers", None) or {})
        try:
            return self._session.request(
                method,
                f"{self._url}{path}",
                headers=own,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
                **how,
            )
        except requests.RequestException as exc:
            raise UnavailableError(f"{self.name}: {type(exc).__name__}") from exc

    def _data(self, response: requests.Response) -> Any:
        envelope = self._envelope(response)
        status = response.status_code
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

    def _envelope(self, response: requests.Response) -> dict[str, Any]:
        try:
            envelope = json.loads(_bounded(response))
        except (ValueError, requests.RequestException) as exc:
            raise UnavailableError(f"{self.name}: {type(exc).__name__}") from exc
        if not isinstance(envelope, dict):
            raise UnavailableError(f"{self.name}: no envelope")
        return envelope


def _way_here() -> str:
    """Return the addresses by which the request came, so that limits count people and not us."""
    said = request.headers.get("X-Forwarded-For", "")
    known = [said] if said and len(said) <= MAX_FORWARDED_LENGTH else []
    return ", ".join([*known, request.remote_addr or "unknown"])


def _bounded(response: requests.Response) -> bytes:
    content = b""
    for chunk in response.iter_content(CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ValueError("the answer is too long")
    return content


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
