"""Connections to RabbitMQ."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingConnection
from pika.adapters.select_connection import IOLoop, SelectConnection
from pika.adapters.utils.selector_ioloop_adapter import SelectorIOServicesAdapter

from core.settings import BrokerSettings

HEARTBEAT_SECONDS = 20
BLOCKED_TIMEOUT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 5


def parameters(settings: BrokerSettings, name: str) -> pika.URLParameters:
    """Return connection parameters with every timeout set.

    `name` is what the broker's management page shows for the connection.
    """
    result = pika.URLParameters(settings.broker_url.get_secret_value())
    result.heartbeat = HEARTBEAT_SECONDS
    result.blocked_connection_timeout = BLOCKED_TIMEOUT_SECONDS
    result.socket_timeout = CONNECT_TIMEOUT_SECONDS
    result.stack_timeout = 2 * CONNECT_TIMEOUT_SECONDS
    result.connection_attempts = 1
    result.client_properties = {"connection_name": name}
    return result


def connect(settings: BrokerSettings, name: str) -> BlockingConnection:
    """Open a connection for the calling thread; raises pika.exceptions.AMQPError."""
    try:
        return BlockingConnection(parameters(settings, name))
    except OSError as exc:
        # A host's name that is not known reaches us as it is.
        raise pika.exceptions.AMQPConnectionError(str(exc)) from exc


class SharedLoop(SelectorIOServicesAdapter):  # type: ignore[misc]
    """A loop that holds `guard` while it handles what has come, and waits without it.

    So another thread that holds it may use the loop's connection as the loop's own thread may.
    """

    def __init__(self, guard: AbstractContextManager[Any]) -> None:
        super().__init__(IOLoop())
        self._guard = guard
        self._at_once = False
        self._is_written = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Write to the socket what the block sends, as far as there is room.

        pika alone would have the loop see first that there is.
        """
        self._at_once = True
        try:
            yield
        finally:
            self._at_once = False

    # What pika asks of a loop.

    def add_callback_threadsafe(self, callback: Callable[[], None]) -> None:
        """Have the loop call this."""
        super().add_callback_threadsafe(self._guarded(callback))

    def call_later(self, delay: float, callback: Callable[[], None]) -> Any:
        """Have the loop call this after `delay` seconds."""
        return super().call_later(delay, self._guarded(callback))

    def set_reader(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Have the loop call this whenever there is something to read."""
        super().set_reader(fd, self._guarded(on_readable))

    def remove_reader(self, fd: int) -> bool:
        """Look no longer whether there is something to read, as after a write that failed.

        The loop may be about to handle just that, while another thread writes: it does this itself.
        """
        if not self._at_once:
            return bool(super().remove_reader(fd))
        self.add_callback_threadsafe(lambda: super(SharedLoop, self).remove_reader(fd))
        return True

    def set_writer(self, fd: int, on_writable: Callable[[], None]) -> None:
        """Have the loop call this whenever there is room, until all is written."""
        self._is_written = False
        if self._at_once:
            on_writable()
        if not self._is_written:
            super().set_writer(fd, self._guarded(on_writable))

    def remove_writer(self, fd: int) -> bool:
        """Learn that all is written."""
        self._is_written = True
        return bool(super().remove_writer(fd))

    def _guarded(self, callback: Callable[[], None]) -> Callable[[], None]:
        def call() -> None:
            with self._guard:
                callback()

        return call


class HoldingConnection(SelectConnection):  # type: ignore[misc]
    """An asynchronous connection that can send what is published together in one piece.

    pika alone writes to the socket three times for each message.
    """

    _held: list[bytes] | None = None

    def __init__(self, parameters: pika.URLParameters, loop: SharedLoop, **callbacks: Any) -> None:
        super().__init__(parameters, custom_ioloop=loop, **callbacks)
        self._loop = loop

    @contextmanager
    def in_one_piece(self) -> Iterator[None]:
        """Hold what the block sends, and send it at its end."""
        held: list[bytes] = []
        self._held = held
        try:
            yield
        finally:
            self._held = None
            if held:
                with self._loop.at_once():
                    self._adapter_emit_data(b"".join(held))

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._held is None:
            super()._adapter_emit_data(data)
        else:
            self._held.append(data)
