"""gunicorn's threaded worker, whose threads begin with a request only when all of it has come.

Its own threads read from the client: as many clients as there are threads that send slowly, or
nothing, would keep everybody else waiting. Here the loop that accepts connections collects what
comes, and a connection that is slow costs its bytes alone. What cannot be a request that any
service takes is refused before it is read.
"""

import re
import selectors
import socket
import struct
import time
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

# A request has come within these seconds, or its connection is closed.
ARRIVAL_SECONDS = 60.0
STOPPING_SECONDS = 2.0
# A client that takes nothing of its answer for so long has gone.
SEND_SECONDS = 30
HEAD_BYTES = 64 * 1024
# The largest table that can be imported, and the form around it.
BODY_BYTES = 8_000_000
# Of all requests that are on their way together.
HELD_BYTES = 64_000_000
CHUNK_BYTES = 64 * 1024

_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:.*chunked", re.IGNORECASE | re.MULTILINE)
_CONTINUE = re.compile(rb"^expect:[ \t]*100-continue", re.IGNORECASE | re.MULTILINE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


class RefusedError(Exception):
    """No service takes such a request; `status` says why."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class Arriving:
    """A request on its way: what has come of it, and since when."""

    def __init__(self, begun: bytes = b"") -> None:
        self.since = time.monotonic()
        self.data = bytearray(begun)
        self.expects_continue = False
        # How many bytes it has in all, when its head has told.
        self._size: int | None = None
        self._chunked = False

    def is_whole(self) -> bool:
        """Tell whether all of it is there; raises RefusedError when it never can be."""
        if self._size is None and not self._chunked:
            self._read_head()
        if self._chunked:
            return self.data.endswith(_LAST_CHUNK)
        return self._size is not None and len(self.data) >= self._size

    def _read_head(self) -> None:
        end = self.data.find(b"\r\n\r\n", 0, HEAD_BYTES)
        if end < 0:
            if len(self.data) > HEAD_BYTES:
                raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        head = bytes(self.data[:end])
        length = _LENGTH.search(head)
        body = int(length[1]) if length else 0
        if body > BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.expects_continue = _CONTINUE.search(head) is not None
        self._chunked = _CHUNKED.search(head) is not None
        self._size = end + 4 + body

    def require_room(self) -> None:
        """Raise RefusedError when more has come than any service takes."""
        if len(self.data) > HEAD_BYTES + BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """The worker class of every Flask service; all but `handle` runs in its one loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[TConn, Arriving] = {}
        self._held = 0

    def enqueue_req(self, conn: TConn) -> None:
        """Let the next request of a connection come, and then a thread have it."""
        begun = conn.parser.unreader.take_buffered() if conn.initialized else b""
        if not conn.initialized:
            conn.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0)
            )
        if self.nr_conns >= self.worker_connections and self._arriving:
            # Whoever is on the way for longest makes room.
            self._drop(next(iter(self._arriving)))
        conn.sock.settimeout(0)
        self._arriving[conn] = Arriving(begun)
        self._held += len(begun)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._receive(conn, conn.sock)

    def murder_pending(self) -> None:
        """Close the connections whose request has not come in time."""
        super().murder_pending()
        patience = ARRIVAL_SECONDS if self.alive else STOPPING_SECONDS
        limit = time.monotonic() - patience
        for conn in [c for c, arriving in self._arriving.items() if arriving.since < limit]:
            self._drop(conn)

    def _receive(self, conn: TConn, _socket: Any) -> None:
        """Take what has come of a request; close the connection when there will be no more."""
        arriving = self._arriving.get(conn)
        if arriving is None:  # it made room for another one in this very round
            return
        try:
            self._read(conn, arriving)
            if arriving.is_whole():
                self._hand_over(conn)
                return
            arriving.require_room()
            if arriving.expects_continue:
                arriving.expects_continue = False
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except RefusedError as refused:
            self._refuse(conn, refused.status)
        except OSError:
            self._drop(conn)

    def _read(self, conn: TConn, arriving: Arriving) -> None:
        try:
            data = conn.sock.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError
        arriving.data += data
        self._held += len(data)
        if self._held > HELD_BYTES:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE)

    def _hand_over(self, conn: TConn) -> None:
        arriving = self._leave(conn)
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.unread(bytes(arriving.data))
        super().enqueue_req(conn)

    def _refuse(self, conn: TConn, status: HTTPStatus) -> None:
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        try:
            conn.sock.send(f"{line}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())
        except OSError:
            self.log.debug("Nobody waits for a refusal.")
        self._drop(conn)

    def _drop(self, conn: TConn) -> None:
        self._leave(conn)
        self.nr_conns -= 1
        conn.close()

    def _leave(self, conn: TConn) -> Arriving:
        self.poller.unregister(conn.sock)
        arriving = self._arriving.pop(conn)
        self._held -= len(arriving.data)
        return arriving
