"""Reading and writing the test's own queues, beside the code that is tested."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from core.settings import BrokerSettings
from tests.clients import Broker
from tests.waiting import DEFAULT_SECONDS, wait_until


@dataclass(frozen=True)
class Received:
    """A message that was taken from a queue."""

    body: bytes
    properties: Any
    routing_key: str

    @property
    def data(self) -> dict[str, Any]:
        """Its JSON."""
        data: dict[str, Any] = json.loads(self.body)
        return data


def settings_of(broker: Broker, port: int | None = None) -> BrokerSettings:
    """Return settings that lead to the test's broker, through a proxy's port if one is given."""
    return BrokerSettings.model_validate(
        {"broker_url": url_of(broker, port), "broker_namespace": broker.namespace}
    )


def url_of(broker: Broker, port: int | None = None) -> str:
    """Return the broker's URL, with another port if one is given."""
    return broker.url if port is None else broker.url.replace(f":{port_of(broker)}/", f":{port}/")


def port_of(broker: Broker) -> int:
    """Return the broker's own port."""
    return int(pika.URLParameters(broker.url).port)


@contextmanager
def channel_to(broker: Broker) -> Iterator[BlockingChannel]:
    """Give a channel for as long as the ``with`` block lasts."""
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        yield connection.channel()


def depth(broker: Broker, queue: str) -> int:
    """Return how many messages wait in a queue."""
    with channel_to(broker) as channel:
        declared = channel.queue_declare(broker.namespace + queue, passive=True)
        return int(declared.method.message_count)


def take(
    broker: Broker, queue: str, at_least: int = 1, timeout: float = DEFAULT_SECONDS
) -> list[Received]:
    """Wait until a queue has given that many messages, and return all that it had."""
    taken: list[Received] = []
    with channel_to(broker) as channel:

        def enough() -> bool:
            while True:
                method, properties, body = channel.basic_get(
                    broker.namespace + queue, auto_ack=True
                )
                if method is None:
                    return len(taken) >= at_least
                taken.append(Received(body, properties, method.routing_key))

        wait_until(enough, timeout, because=f"fewer than {at_least} messages in {queue}")
    return taken


def put(broker: Broker, exchange: str, routing_key: str, body: bytes, priority: int = 0) -> None:
    """Publish a body as it is, whatever it is."""
    with channel_to(broker) as channel:
        channel.confirm_delivery()
        channel.basic_publish(
            broker.namespace + exchange,
            routing_key,
            body,
            pika.BasicProperties(priority=priority, delivery_mode=2),
            mandatory=True,
        )
