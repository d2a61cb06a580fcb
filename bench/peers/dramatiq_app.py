"""The consultation as a Dramatiq actor: acknowledged after the work, confirms, persistent."""

import os
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import Retries, ShutdownNotifications

from bench.peers.usual import consult

QUEUE = os.environ["BROKER_NAMESPACE"] + "dramatiq"

broker = RabbitmqBroker(
    url=os.environ["BROKER_URL"],
    confirm_delivery=True,
    max_priority=5,
    middleware=[ShutdownNotifications(), Retries(max_retries=5)],
)
dramatiq.set_broker(broker)


def run(job: dict[str, Any]) -> None:
    """Do one job."""
    consult(job)


actor = dramatiq.actor(run, actor_name="consult", queue_name=QUEUE)
