"""The publisher: confirmed messages from any thread, kept in a bounded buffer meanwhile.

One thread of its own serves the connection, answers heartbeats while nothing is published, and
comes back with growing pauses when the broker goes away. It writes what is published, too, but for
a few messages: those are with the broker sooner when their own thread writes them. A message is
confirmed when the broker says so (publisher confirms) and has a queue (`mandatory`); until then it
waits in the buffer and is published again after a reconnection, so a consumer may see it twice and
must not mind.
"""

import atexit
import random
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import pika
import pika.exceptions

from core import logs
from core.broker.connection import HoldingConnection, SharedLoop, parameters
from core.broker.messages import Message
from core.settings import BrokerSettings

CAPACITY = 10_000
MAX_UNCONFIRMED = 1_000
# So many messages are written by the thread that publishes them.
FEW = 8
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
AT_EXIT_SECONDS = 2.0

log = logs.logger(__name__)


class PublishError(Exception):
    """A message did not reach a queue."""


class BufferFullError(PublishError):
    """The broker is away or slow and the buffer holds all it may."""


class UnroutableError(PublishError):
    """No queue is bound for the message: `flask createqueue` was not run."""


class RefusedError(PublishError):
    """The broker said that it could not take the message."""


Failures = dict[str, PublishError]


@dataclass(eq=False)
class _Batch:
    """Messages that were handed over together: how many of them are to be answered for yet."""

    left: int
    failures: Failures = field(default_factory=dict)
    future: "Future[Failures]" = field(default_factory=Future)


_Pending = tuple[Message, _Batch]


class Publisher:
    """Publishes messages with confirms; safe from any thread, one per process.

    `capacity` bounds the messages that wait or are unconfirmed. The thread starts with the first
    use, so a process may fork before that.
    """

    def __init__(self, settings: BrokerSettings, name: str, capacity: int = CAPACITY) -> None:
        self._parameters = parameters(settings, name)
        self._namespace = settings.broker_namespace
        self._capacity = capacity
        # Held by whoever touches the connection or what is kept here.
        self._lock = threading.RLock()
        self._pending: deque[_Pending] = deque()
        self._unconfirmed: dict[int, _Pending] = {}
        self._returned: set[str] = set()
        self._next_tag = 1
        self._thread: threading.Thread | None = None
        self._loop: SharedLoop | None = None
        self._connection: Any = None
        self._channel: Any = None
        self._drain_asked = False
        self._refused = False
        self._stopping = threading.Event()
        self._connected = threading.Event()

    def publish(self, messages: Sequence[Message]) -> "Future[Failures]":
        """Hand messages over, at least one; the future ends when the broker has answered for all.

        It tells why those were not taken that were not, by their `message_id`: UnroutableError or
        RefusedError. Cancelling it takes back what has not been sent yet. Raises BufferFullError
        at once, and takes none, when there is no room.
        """
        batch = _Batch(len(messages))
        with self._lock:
            if len(self._pending) + len(self._unconfirmed) + len(messages) > self._capacity:
                raise BufferFullError(f"{self._capacity} messages already wait for the broker")
            self._pending.extend((message, batch) for message in messages)
        self.start()
        if len(messages) <= FEW:
            self._drain()
        else:
            self._ask_drain()
        return batch.future

    def start(self) -> None:
        """Start the connection's thread if it does not run yet; the process's end closes it."""
        with self._lock:
            if self._thread is None:
                atexit.register(self.close, AT_EXIT_SECONDS)
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()

    def wait_connected(self, timeout: float) -> bool:
        """Tell whether the broker is connected, waiting at most `timeout` seconds for it."""
        self.start()
        return self._connected.wait(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """Stop, after waiting at most `timeout` seconds for what still waits to be confirmed."""
        atexit.unregister(self.close)
        with self._lock:
            kept = {batch.future for _, batch in (*self._pending, *self._unconfirmed.values())}
        # `wait` would wait for what was taken back, too.
        waiting = [future for future in kept if not future.done()]
        wait(waiting, timeout)
        self._stopping.set()
        self._in_loop(self._close_connection)
        if self._thread is not None:
            self._thread.join(timeout)

    # What the loop calls below runs in the publisher's own thread, which holds the lock meanwhile.

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            self._refused = False
            try:
                self._serve_connection()
            except Exception:
                # Told to close before the broker has said hello, pika fails an assertion.
                if not self._stopping.is_set():
                    log.exception("publisher_crashed")
            was_of_use = self._connected.is_set() and not self._refused
            self._connected.clear()
            self._take_back_unconfirmed()
            pause = FIRST_PAUSE_SECONDS if was_of_use else min(pause * 2, LONGEST_PAUSE_SECONDS)
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 jitter, no secret

    def _serve_connection(self) -> None:
        """Connect, and publish until the connection is lost."""
        loop = SharedLoop(self._lock)
        self._connection = HoldingConnection(
            self._parameters,
            loop,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )
        with self._lock:
            self._loop = loop
        if self._stopping.is_set():
            # `close` came while there was no loop to tell.
            loop.add_callback_threadsafe(self._close_connection)
        try:
            loop.run()
        finally:
            with self._lock:
                self._channel = None
                self._loop = None
            loop.close()

    def _on_open(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_lost(self, _connection: Any, reason: BaseException) -> None:
        if not self._stopping.is_set():
            log.warning("broker_lost", reason=str(reason) or type(reason).__name__)
        self._channel = None
        if self._loop is not None:
            self._loop.stop()

    def _on_channel(self, channel: Any) -> None:
        channel.add_on_return_callback(self._on_return)
        channel.add_on_close_callback(self._on_channel_closed)
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._on_ready(channel))

    def _on_ready(self, channel: Any) -> None:
        self._channel = channel
        self._next_tag = 1
        self._connected.set()
        self._drain()

    def _on_channel_closed(self, _channel: Any, reason: BaseException) -> None:
        # The broker closes it for a message to an exchange that does not exist.
        if isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            log.warning("broker_channel_closed", reason=str(reason))
            self._refused = True
            self._close_connection()

    def _close_connection(self) -> None:
        self._channel = None
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()

    def _drain(self) -> None:
        with self._lock:
            self._drain_asked = False
            if self._channel is None:
                return
            try:
                self._send(self._next_messages())
            except Exception:
                # The broker's confirms are counted: they would be taken for those of others.
                log.exception("publisher_crashed")
                self._close_connection()

    def _next_messages(self) -> list[Message]:
        messages = []
        while self._pending and len(self._unconfirmed) < MAX_UNCONFIRMED:
            message, batch = self._pending.popleft()
            if not batch.future.cancelled():
                self._unconfirmed[self._next_tag] = (message, batch)
                self._next_tag += 1
                messages.append(message)
        return messages

    def _send(self, messages: Sequence[Message]) -> None:
        with self._connection.in_one_piece():
            for message in messages:
                self._channel.basic_publish(
                    self._namespace + message.exchange,
                    message.routing_key,
                    message.body,
                    message.properties(),
                    mandatory=True,
                )

    def _on_return(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        # The broker returns an unroutable message just before it confirms it.
        self._returned.add(properties.message_id)

    def _on_confirm(self, frame: Any) -> None:
        tag = frame.method.delivery_tag
        if frame.method.multiple:
            tags = list(takewhile(tag.__ge__, self._unconfirmed))
        else:
            tags = [tag] if tag in self._unconfirmed else []
        confirmed = [self._unconfirmed.pop(known) for known in tags]
        accepted = isinstance(frame.method, pika.spec.Basic.Ack)
        for message, batch in confirmed:
            self._settle(message, batch, accepted=accepted)
        self._drain()

    def _settle(self, message: Message, batch: _Batch, *, accepted: bool) -> None:
        if message.message_id in self._returned:
            self._returned.discard(message.message_id)
            batch.failures[message.message_id] = UnroutableError(
                f"no queue takes {message.routing_key}; run flask createqueue"
            )
        elif not accepted:
            batch.failures[message.message_id] = RefusedError(
                f"the broker refused a {message.type} message"
            )
        batch.left -= 1
        if not batch.left and batch.future.set_running_or_notify_cancel():
            batch.future.set_result(batch.failures)

    def _take_back_unconfirmed(self) -> None:
        with self._lock:
            self._pending.extendleft(reversed(self._unconfirmed.values()))
            self._unconfirmed.clear()
            self._returned.clear()

    def _ask_drain(self) -> None:
        with self._lock:
            if self._drain_asked or not self._connected.is_set():
                return
            self._drain_asked = True
        self._in_loop(self._drain)

    def _in_loop(self, function: Any) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.add_callback_threadsafe(function)
