"""A door before a server that a test can shut, or make mute, while the server runs on."""

import socket
import threading
from contextlib import suppress

from devstack.ports import LOOPBACK

CHUNK_BYTES = 65_536


class Proxy:
    """Passes TCP connections on its `port` to a server's; it begins open.

    While it is shut, connections break and new ones are refused. While it is mute, what the
    client says arrives and what the server says does not.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._answers = threading.Event()
        self._answers.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._sweepers: list[threading.Thread] = []
        self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
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
        with self._lock:
            for each in self._sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        self._answers.set()
        for sweeper in self._sweepers:
            sweeper.join()
        self._sweepers.clear()

    def open(self) -> None:
        """Let connections through again."""
        self._listener = socket.create_server((LOOPBACK, self.port), backlog=64)
        self._accept_in_thread()

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
            try:
                server = socket.create_connection((LOOPBACK, self._target))
            except OSError:
                client.close()
                continue
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

    def _pump(
        self, source: socket.socket, sink: socket.socket, gate: threading.Event | None
    ) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if gate is not None:
                    gate.wait()
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
