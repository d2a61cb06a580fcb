"""Connections to RabbitMQ."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika
import pika.exceptions
from pika.adapters.blocking_connection import BlockingConnection
from pika.adapters.select_connection import SelectConnection

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


class HoldingConnection(SelectConnection):  # type: ignore[misc]
    """An asynchronous connection that can send what is published together in one piece.

    pika alone writes to the socket three times for each message.
    """

    _held: list[bytes] | None = None

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
                self._adapter_emit_data(b"".join(held))

    def _adapter_emit_data(self, data: bytes) -> None:
        if self._held is None:
            super()._adapter_emit_data(data)
        else:
            self._held.append(data)
