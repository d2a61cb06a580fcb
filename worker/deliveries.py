"""The messages of the `job_created` queue: how one consumer takes and acknowledges them."""

import json
import math
import uuid
from bisect import bisect
from collections.abc import Iterable
from itertools import chain
from typing import Any

import pika.exceptions

from core import logs
from core.broker import topology
from core.broker.connection import connect
from core.ledger.transitions.work import Delivery
from core.settings import BrokerSettings

MAX_BODY_BYTES = 256_000

log = logs.logger(__name__)


class ConsumerCancelledError(Exception):
    """The broker cancelled the consumer: the queue was deleted, or it took too long."""


class Deliveries:
    """A consumer on one connection; only `wake` may be called from another thread.

    `prefetch` bounds the messages that are held unacknowledged. A message that cannot be
    understood is dead-lettered at once.
    """

    def __init__(self, settings: BrokerSettings, prefetch: int) -> None:
        self._connection = connect(settings, "lookups")
        self._arrived: list[Delivery] = []
        self._tags: dict[uuid.UUID, list[int]] = {}
        self._cancelled = False
        try:
            self._channel = self._connection.channel()
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.add_on_cancel_callback(self._on_cancel)
            self._consumer = self._channel.basic_consume(
                settings.broker_namespace + topology.JOB_CREATED, self._on_message
            )
        except pika.exceptions.AMQPError:
            # The queue is not there: each new try would leave a connection behind.
            self.close()
            raise

    def wait(self, seconds: float) -> list[Delivery]:
        """Serve the connection for at most `seconds` and return what has arrived meanwhile.

        Returns early when a message arrived or `wake` was called. Raises ConsumerCancelledError,
        or pika.exceptions.AMQPError when the connection is lost.
        """
        self._connection.process_data_events(time_limit=seconds)
        if self._cancelled:
            raise ConsumerCancelledError
        arrived, self._arrived = self._arrived, []
        return arrived

    def wake(self) -> None:
        """Make `wait` return; from any thread, also when the connection is gone."""
        try:
            self._connection.add_callback_threadsafe(lambda: None)
        except pika.exceptions.AMQPError:
            log.debug("woken_without_connection")

    def settle(self, run_ids: Iterable[uuid.UUID]) -> None:
        """Acknowledge the messages of runs, as many as possible at once."""
        tags = sorted(tag for run_id in run_ids for tag in self._tags.pop(run_id, []))
        oldest_kept = min(chain.from_iterable(self._tags.values()), default=math.inf)
        together = bisect(tags, oldest_kept)
        if together:
            self._channel.basic_ack(tags[together - 1], multiple=True)
        for tag in tags[together:]:
            self._channel.basic_ack(tag)

    def bury(self, run_id: uuid.UUID) -> None:
        """Dead-letter the messages of a run."""
        for tag in self._tags.pop(run_id, []):
            self._channel.basic_nack(tag, requeue=False)

    def requeue(self, run_id: uuid.UUID) -> None:
        """Give the messages of a run back to the queue."""
        for tag in self._tags.pop(run_id, []):
            self._channel.basic_nack(tag, requeue=True)

    def stop_consuming(self) -> None:
        """Take no more messages; those that have not been returned by `wait` are given back."""
        self._channel.basic_cancel(self._consumer)
        for delivery in self._arrived:
            self.requeue(delivery.run_id)
        self._arrived = []

    def close(self) -> None:
        """Close the connection; the broker gives whatever is unacknowledged to others."""
        if self._connection.is_open:
            self._connection.close()

    def _on_message(self, channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        run_id = parse_run_id(body)
        if run_id is None:
            log.warning("message_not_understood", bytes=len(body))
            channel.basic_nack(method.delivery_tag, requeue=False)
            return
        known = run_id in self._tags
        self._tags.setdefault(run_id, []).append(method.delivery_tag)
        if not known:
            self._arrived.append(Delivery(run_id, redelivered=bool(method.redelivered)))

    def _on_cancel(self, _frame: Any) -> None:
        self._cancelled = True


def parse_run_id(body: bytes) -> uuid.UUID | None:
    """Return the run that a message asks for; None when the message cannot be understood."""
    if len(body) > MAX_BODY_BYTES:
        return None
    try:
        return uuid.UUID(json.loads(body)["run_id"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
