"""One GET to a source, bounded in time and in size.

The standard library's client, since `requests` takes five times as long to ask and to read a
page. Every read from the socket, of headers as of the body, gets only what is left until one
deadline: a server that drips a byte a second could hold a slot for hours otherwise.
"""

import http.client
import io
import math
import socket
import ssl
import time
import zlib
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from select import select
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import certifi

from worker.sources.errors import Unavailable

USER_AGENT = "agendador-de-consulta-cnpj/0.1"
MAX_BODY_BYTES = 2 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 24 * 60 * 60
MAX_REDIRECTS = 3
CONNECT_SECONDS = 5.0
_HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip"}
_REDIRECTS = {301, 302, 303, 307, 308}
_GZIP = 16 + zlib.MAX_WBITS

# A source's origin: scheme, host and port.
_Origin = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; `retry_after` is in seconds."""

    status: int
    body: bytes
    retry_after: float | None = None


class Session:
    """Connections that are kept open, for any number of threads.

    It keeps no cookies and ignores the environment: no proxy and no password is taken from there.
    """

    def __init__(self) -> None:
        self._idle: defaultdict[_Origin, deque[_Connection]] = defaultdict(deque)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that nobody uses at this moment."""
        for idle in self._idle.values():
            while idle:
                idle.pop().close()

    def exchange(self, url: str, timeout: float, deadline: float) -> "_Answer":
        """Ask once and return the whole answer; raises what the standard library raises."""
        parts = urlsplit(url)
        origin = (parts.scheme, parts.hostname or "", parts.port)
        connection = self._take(origin, min(CONNECT_SECONDS, timeout))
        try:
            target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            answer, is_reusable = connection.ask(target, deadline)
        except BaseException:
            connection.close()
            raise
        if is_reusable:
            self._idle[origin].append(connection)
        else:
            connection.close()
        return answer

    def _take(self, origin: _Origin, seconds: float) -> "_Connection":
        idle = self._idle[origin]
        while idle:
            try:
                kept = idle.pop()
            except IndexError:
                break
            if kept.is_alive():
                return kept
            kept.close()
        scheme, host, port = origin
        if scheme == "https":
            return _Connection(
                http.client.HTTPSConnection(host, port, timeout=seconds, context=self._tls)
            )
        return _Connection(http.client.HTTPConnection(host, port, timeout=seconds))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=certifi.where())


def get(session: Session, url: str, *, timeout: float) -> Reply:
    """Return the answer to a GET; at most `timeout` seconds, redirects within the host included.

    Raises Unavailable when there is none: no connection, too slow, too large, cut short, or a
    redirect to elsewhere.
    """
    try:
        return _follow(session, url, timeout)
    except TimeoutError as exc:
        raise Unavailable(reason="A fonte demorou demais para responder.") from exc
    except (OSError, http.client.HTTPException, ValueError, zlib.error) as exc:
        raise Unavailable(reason="Não foi possível obter a resposta da fonte.") from exc


def _follow(session: Session, url: str, timeout: float) -> Reply:
    deadline = time.monotonic() + timeout
    for _ in range(MAX_REDIRECTS + 1):
        answer = session.exchange(url, timeout, deadline)
        if answer.status not in _REDIRECTS:
            retry_after = _retry_after(answer.headers.get("Retry-After", ""))
            return Reply(answer.status, _decoded(answer), retry_after)
        target = urljoin(url, answer.headers.get("Location", ""))
        if urlsplit(target)[:2] != urlsplit(url)[:2]:
            break
        url = target
    raise Unavailable(reason="A fonte redirecionou a consulta para outro endereço.")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def _decoded(answer: _Answer) -> bytes:
    if answer.headers.get("Content-Encoding", "").lower() != "gzip":
        return _bounded(answer.body)
    body, rest = b"", answer.body
    # A file may have several members, one after the other (RFC 1952, 2.2).
    while rest:
        unpacking = zlib.decompressobj(_GZIP)
        body = _bounded(body + unpacking.decompress(rest, MAX_BODY_BYTES + 1 - len(body)))
        if not unpacking.eof:
            raise zlib.error("the answer is cut short")
        rest = unpacking.unused_data
    return body


def _bounded(body: bytes) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise Unavailable(reason="A resposta da fonte é grande demais.")
    return body


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


class _Connection:
    """One connection to a source, for one question at a time."""

    def __init__(self, client: http.client.HTTPConnection) -> None:
        self._client = client

    def close(self) -> None:
        self._client.close()

    def is_alive(self) -> bool:
        """Tell whether the server has kept it too: it says nothing unasked but that it closes."""
        sock = self._client.sock
        return sock is not None and not select([sock], [], [], 0)[0]

    def ask(self, target: str, deadline: float) -> tuple[_Answer, bool]:
        """Return the answer, of a bounded size, and whether the connection can be used again."""
        self._client.response_class = lambda sock, **kind: _TimedResponse(sock, deadline, **kind)  # type: ignore[assignment]
        self._client.request("GET", target, headers=_HEADERS)
        with self._client.getresponse() as response:
            body = response.read(MAX_BODY_BYTES + 1)
            if response.length and len(body) <= MAX_BODY_BYTES:
                raise http.client.IncompleteRead(body, response.length)
            is_whole = response.isclosed() and not response.will_close
            return _Answer(response.status, response.headers, body), is_whole


class _TimedSocket(io.RawIOBase):
    """A socket's bytes, each read of which may last until the deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._socket = sock
        self._deadline = deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        self._socket.settimeout(None if left == math.inf else left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, deadline: float, **kind: Any) -> None:
        super().__init__(sock, **kind)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedSocket(sock, deadline))
