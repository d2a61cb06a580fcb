"""gunicorn's threaded worker, whose threads begin with a request only when all of it has come.

Its own threads read from the client: as many clients as there are threads that send slowly, or
nothing, would keep everybody else waiting. Here the loop that accepts connections collects what
comes, and a connection that is slow costs its bytes alone. What cannot be a request that any
service takes is refused before it is read. Only where a request ends is found here: whether it is
one, its only parser (gunicorn's) decides. HTTP/1.1 alone, without TLS. The loop never waits for one
client.
"""

import re
import selectors
import socket
import struct
import time
from concurrent.futures import Future
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

# A request has come within these seconds, or its connection is closed.
ARRIVAL_SECONDS = 60.0
STOPPING_SECONDS = 2.0
# Who was told that nothing follows an answer has so long to read it.
LEAVING_SECONDS = 2.0
# A client that takes nothing of its answer for so long has gone.
SEND_SECONDS = 30
HEAD_BYTES = 64 * 1024
# The largest table that can be imported, and the form around it.
BODY_BYTES = 8_000_000
# Of all requests that are on their way together.
HELD_BYTES = 64_000_000
READ_BYTES = 64 * 1024
LENGTH_DIGITS = 18

_LENGTH = re.compile(rb"^content-length:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:.*chunked", re.IGNORECASE | re.MULTILINE)
_CONTINUE = re.compile(rb"^expect:[ \t]*100-continue", re.IGNORECASE | re.MULTILINE)
_CHUNK_SIZE = re.compile(rb"([0-9a-f]{1,8})[ \t]*(?:;.*)?", re.IGNORECASE)


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
        # How many bytes it has in all, when that is known.
        self._size: int | None = None
        # Where the next chunk begins, of a body that comes in chunks.
        self._chunk: int | None = None

    def is_whole(self) -> bool:
        """Tell whether all of it is there; raises RefusedError when it never can be."""
        if self._size is None and self._chunk is None:
            self._read_head()
        if self._size is None and self._chunk is not None:
            self._read_chunks(self._chunk)
        return self._size is not None and len(self.data) >= self._size

    def _read_head(self) -> None:
        end = self.data.find(b"\r\n\r\n", 0, HEAD_BYTES)
        if end < 0:
            if len(self.data) > HEAD_BYTES:
                raise RefusedError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            return
        head = bytes(self.data[:end])
        self.expects_continue = _CONTINUE.search(head) is not None
        if _CHUNKED.search(head):
            self._chunk = end + 4
        else:
            self._size = end + 4 + _length(head)

    def _read_chunks(self, start: int) -> None:
        """Go from chunk to chunk (RFC 9112, 7.1): what is inside one may look like the last."""
        while (end := self.data.find(b"\r\n", start, start + HEAD_BYTES)) >= 0:
            size = _CHUNK_SIZE.fullmatch(bytes(self.data[start:end]))
            if size is None:
                raise RefusedError(HTTPStatus.BAD_REQUEST)
            if int(size[1], 16) == 0:
                # Trailers may follow, and then an empty line.
                last = self.data.find(b"\r\n\r\n", end, end + HEAD_BYTES)
                self._size = last + 4 if last >= 0 else None
                break
            start = end + 2 + int(size[1], 16) + 2
        self._chunk = start
        if self._size is None and len(self.data) > start + HEAD_BYTES:
            raise RefusedError(HTTPStatus.BAD_REQUEST)

    def require_room(self) -> None:
        """Raise RefusedError when more has come than any service takes."""
        if len(self.data) > HEAD_BYTES + BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _length(head: bytes) -> int:
    told = _LENGTH.findall(head)
    if not told:
        return 0
    if len(told) > 1 or not told[0].isdigit():
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if len(told[0]) > LENGTH_DIGITS or int(told[0]) > BODY_BYTES:
        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(told[0])


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """The worker class of every Flask service; all but `handle` runs in its one loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._arriving: dict[TConn, Arriving] = {}
        # Since when the connections leave that get no other answer.
        self._leaving: dict[TConn, float] = {}
        self._held = 0

    def enqueue_req(self, conn: TConn) -> None:
        """Let the next request of a connection come, and then a thread have it."""
        begun = conn.parser.unreader.take_buffered() if conn.initialized else b""
        if not conn.initialized:
            conn.sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0)
            )
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        conn.sock.settimeout(0)
        self._arriving[conn] = Arriving(begun)
        self._held += len(begun)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._receive, conn))
        self._receive(conn, conn.sock)

    def on_client_socket_readable(self, conn: TConn, client: Any) -> None:
        """Begin with the next request, unless the connection made room in this very round."""
        if conn in self.keepalived_conns:
            super().on_client_socket_readable(conn, client)

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        """Wait for the next request of a connection, or let it leave."""
        if not fs.cancelled() and fs.exception() is None and fs.result():
            super().finish_request(conn, fs)
        else:
            self._let_leave(conn)

    def murder_pending(self) -> None:
        """Close the connections whose request has not come in time, and those that do not leave."""
        super().murder_pending()
        patience = ARRIVAL_SECONDS if self.alive else STOPPING_SECONDS
        limit = time.monotonic() - patience
        while self._arriving:
            conn, arriving = next(iter(self._arriving.items()))
            if arriving.since >= limit:
                break
            self._drop(conn)
        limit = time.monotonic() - LEAVING_SECONDS
        while self._leaving:
            conn, since = next(iter(self._leaving.items()))
            if since >= limit:
                break
            self._close_left(conn)

    def _make_room(self) -> None:
        """Close the connection that is idle for longest, or else on its way for longest."""
        if self.keepalived_conns:
            idle = self.keepalived_conns.popleft()
            self.poller.unregister(idle.sock)
            self._close(idle)
        elif self._arriving:
            self._drop(next(iter(self._arriving)))

    def _receive(self, conn: TConn, _socket: Any) -> None:
        """Take what has come of a request; close the connection when there will be no more."""
        arriving = self._arriving.get(conn)
        if arriving is None:  # it made room for another one in this very round
            return
        try:
            # Of one that came together with the one before there may be no more to read.
            if not arriving.is_whole():
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
            data = conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError
        arriving.data += data
        self._held += len(data)
        if self._held > HELD_BYTES:
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE)

    def _hand_over(self, conn: TConn) -> None:
        arriving = self._stop_reading(conn)
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.unread(bytes(arriving.data))
        super().enqueue_req(conn)

    def _refuse(self, conn: TConn, status: HTTPStatus) -> None:
        self._stop_reading(conn)
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        try:
            conn.sock.send(f"{line}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())
        except OSError:
            self.log.debug("Nobody waits for a refusal.")
        self._let_leave(conn)

    def _let_leave(self, conn: TConn) -> None:
        """Say that nothing follows, and close when the client does (RFC 9112, 9.6).

        An answer may be lost to its client when its connection is closed with bytes unread.
        gunicorn waits for the client right here, in the loop.
        """
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:  # it has gone already
            self._close(conn)
            return
        self._leaving[conn] = time.monotonic()
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._see_off, conn))

    def _see_off(self, conn: TConn, _socket: Any) -> None:
        try:
            gone = not conn.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            gone = True
        if gone:
            self._close_left(conn)

    def _close_left(self, conn: TConn) -> None:
        del self._leaving[conn]
        self.poller.unregister(conn.sock)
        self._close(conn)

    def _drop(self, conn: TConn) -> None:
        self._stop_reading(conn)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.close()

    def _stop_reading(self, conn: TConn) -> Arriving:
        self.poller.unregister(conn.sock)
        arriving = self._arriving.pop(conn)
        self._held -= len(arriving.data)
        return arriving
