"""A door before a server that a test can shut, or make mute, while the server runs on."""

import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from devstack.ports import LOOPBACK

CHUNK_BYTES = 65_536
BACKLOG = 256


class Proxy:
    """Passes TCP connections on its `port` to a server's port or Unix socket; it begins open.

    While it is shut, connections break and new ones are refused. While it is mute, what the
    client says arrives and what the server says does not. `delay` holds each piece of what either
    says for so many seconds. When the server says `last_words`, they do not arrive and the
    connection breaks; `silenced` has the moments, in seconds since the epoch.
    """

    def __init__(self, target: int | Path) -> None:
        self.target = target
        self.delay = 0.0
        self.last_words: bytes | None = None
        self.silenced: list[float] = []
        self._is_cut = False
        self._answers = threading.Event()
        self._answers.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._sweepers: list[threading.Thread] = []
        self._listener = socket.create_server((LOOPBACK, 0), backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._accept_in_thread()

    @property
    def connections(self) -> int:
        """How many connections lead through now."""
        with self._lock:
            return len(self._sockets) // 2

    def shut(self) -> None:
        """Break every connection and refuse new ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self._break_all()
        self._answers.set()
        for sweeper in self._sweepers:
            sweeper.join()
        self._sweepers.clear()

    def open(self) -> None:
        """Let connections through again."""
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=BACKLOG)
        self._accept_in_thread()

    def cut(self) -> None:
        """Break every connection, and each new one, until `mend`; the port stays ours."""
        self._is_cut = True
        self._break_all()

    def mend(self) -> None:
        """Let new connections through again, and hold nothing back."""
        self._is_cut = False
        self.delay = 0.0
        self.last_words = None
        self.unmute()

    def lead_to(self, target: int | Path) -> None:
        """Lead every connection from now on to another server."""
        self.target = target
        self._break_all()

    def _break_all(self) -> None:
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mute(self) -> None:
        """Hold back what the server says from now on."""
        self._answers.clear()

    def unmute(self) -> None:
        """Pass on what was held back."""
        self._answers.set()

    def _accept_in_thread(self) -> None:
        self._acceptor = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._acceptor.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self._is_cut:
                client.close()
                continue
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets |= {client, server}
            pumps = [
                threading.Thread(target=self._pump, args=ends, daemon=True)
                for ends in ((client, server, None), (server, client, self._answers))
            ]
            for pump in pumps:
                pump.start()
            sweeper = threading.Thread(target=self._sweep, args=(pumps, client, server))
            self._sweepers.append(sweeper)
            sweeper.start()

    def _connect(self) -> socket.socket:
        if isinstance(self.target, Path):
            with ExitStack() as stack:
                server = stack.enter_context(socket.socket(socket.AF_UNIX))
                server.connect(str(self.target))
                stack.pop_all()
            return server
        server = socket.create_connection((LOOPBACK, self.target))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return server

    def _pump(
        self, source: socket.socket, sink: socket.socket, gate: threading.Event | None
    ) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if gate is not None:
                    gate.wait()
                    if self.last_words and self.last_words in data:
                        self.silenced.append(time.time())
                        break
                if self.delay:
                    time.sleep(self.delay)
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _sweep(self, pumps: list[threading.Thread], *ends: socket.socket) -> None:
        for pump in pumps:
            pump.join()
        with self._lock:
            for each in ends:
                each.close()
                self._sockets.discard(each)
