"""One GET to a source, bounded in time and in size.

`requests` bounds each read, not their sum: a server that drips a byte a second could hold a slot
for hours. So every read from the socket here, of headers as of the body, gets only what is left
until one deadline.
"""

import http.client
import io
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from worker.sources.errors import Unavailable

USER_AGENT = "agendador-de-consulta-cnpj/0.1"
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60
MAX_REDIRECTS = 3
CONNECT_SECONDS = 5.0
_CHUNK_BYTES = 64 * 1024
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; `retry_after` is in seconds."""

    status: int
    body: bytes
    retry_after: float | None = None


def new_session(connections: int = 32) -> requests.Session:
    """Return a session for any number of threads that keeps connections and no cookies.

    It ignores the environment: no proxy and no `.netrc` password is taken from there.
    """
    session = requests.Session()
    session.trust_env = False
    # A plain dictionary: nobody asks it for other spellings, and each request copies it.
    session.headers = _HEADERS  # type: ignore[assignment]
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=connections))
    return session


def get(session: requests.Session, url: str, *, timeout: float) -> Reply:
    """Return the answer to a GET; at most `timeout` seconds, redirects within the host included.

    Raises Unavailable when there is none: no connection, too slow, too large, cut short, or a
    redirect to elsewhere.
    """
    try:
        with _deadline(timeout):
            return _follow(session, url, timeout)
    except requests.Timeout as exc:
        raise Unavailable(reason="A fonte demorou demais para responder.") from exc
    except requests.RequestException as exc:
        # A read that times out within the body arrives as a ConnectionError.
        raise Unavailable(reason="Não foi possível obter a resposta da fonte.") from exc


def _follow(session: requests.Session, url: str, timeout: float) -> Reply:
    for _ in range(MAX_REDIRECTS + 1):
        with _ask(session, url, timeout) as response:
            if response.status_code not in _REDIRECTS:
                retry_after = _retry_after(response.headers.get("Retry-After", ""))
                return Reply(response.status_code, _body(response), retry_after)
            target = urljoin(url, response.headers.get("Location", ""))
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            break
        url = target
    raise Unavailable(reason="A fonte redirecionou a consulta para outro endereço.")


def _ask(session: requests.Session, url: str, timeout: float) -> requests.Response:
    # Straight to the adapter: the session would look for cookies, hooks, proxies and a next
    # redirect, of which there are none, and take a quarter more for it. Preparing all of a request
    # would check the same headers again and cookies and a body that it has not.
    request = requests.PreparedRequest()
    request.method = "GET"
    request.headers = session.headers  # type: ignore[assignment] # the same kind
    request.prepare_url(url, None)
    limits = (min(CONNECT_SECONDS, timeout), timeout)
    return session.get_adapter(url).send(request, stream=True, timeout=limits)


def _body(response: requests.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise Unavailable(reason="A resposta da fonte é grande demais.")
    return bytes(body)


def _retry_after(header: str) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date (RFC 9110, 10.2.3)."""
    header = header.strip()
    if header.isdecimal():
        return min(float(header[:9]), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = (aware - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


class _Current(threading.local):
    deadline = math.inf


_current = _Current()


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    _current.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        _current.deadline = math.inf


class _TimedSocket(io.RawIOBase):
    """A socket's bytes, each read of which may last until this thread's deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = _current.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._socket.settimeout(None if left == math.inf else left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        # As much at once as there is: each read sets the time that is left.
        self.fp = io.BufferedReader(_TimedSocket(sock), _CHUNK_BYTES)


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _TlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Leaves out of a page's way what requests does anew for each and nobody here needs.

    The pool of each of its few hosts is remembered; cookies and encoding are not looked for.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._pools: dict[tuple[str, str], Any] = {}

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> Any:
        scheme, host, *_ = urlsplit(str(request.url))
        pool = self._pools.get((scheme, host))
        if pool is None:
            pool = super().get_connection_with_tls_context(request, *args, **kwargs)
            self._pools[scheme, host] = pool
        return pool

    def request_url(self, request: requests.PreparedRequest, _proxies: Any) -> str:
        return request.path_url

    def build_response(self, request: requests.PreparedRequest, raw: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.headers = raw.status, raw.headers
        response.raw, response.request, response.url = raw, request, str(request.url)
        return response

    def close(self) -> None:
        super().close()
        self._pools.clear()
