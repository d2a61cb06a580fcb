"""The exchanges and queues of the system and how they are made.

Every name is prefixed with the broker namespace (empty in production), so that several
installations or tests share one broker.
"""

from dataclasses import dataclass, field
from typing import Any

import pika.exceptions
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

MAX_PRIORITY = 5

JOBS_EXCHANGE = "create-job-use-case"
DEAD_LETTERS_EXCHANGE = "create-job-use-case-dlq"
ERRORS_EXCHANGE = "errors-when-create-job-use-case"

JOB_CREATED = "job_created"
JOB_CREATED_DLQ = "job_created_dlq"

# Each kind of error event is the routing key of its queue.
ERROR_QUEUES = {
    "payload": "payload_error",
    "database": "database_error",
    "queue": "queue_error",
    "exception": "exception_error",
}

PRECONDITION_FAILED = 406


class TopologyMismatchError(Exception):
    """A queue or exchange exists with other arguments; the message tells what to do."""


@dataclass(frozen=True)
class Binding:
    """A durable queue, the direct exchange and the routing key that lead to it."""

    exchange: str
    routing_key: str
    queue: str
    arguments: dict[str, Any] = field(default_factory=dict)


def bindings(namespace: str) -> tuple[Binding, ...]:
    """Return all queues of the system, dead letters first since others name their exchange."""
    n = namespace
    jobs = {
        "x-max-priority": MAX_PRIORITY,
        "x-dead-letter-exchange": n + DEAD_LETTERS_EXCHANGE,
        "x-dead-letter-routing-key": JOB_CREATED_DLQ,
    }
    return (
        Binding(n + DEAD_LETTERS_EXCHANGE, JOB_CREATED_DLQ, n + JOB_CREATED_DLQ),
        Binding(n + JOBS_EXCHANGE, JOB_CREATED, n + JOB_CREATED, jobs),
        # Without arguments: a queue with a maximal length would silently drop what it keeps.
        *(Binding(n + ERRORS_EXCHANGE, kind, n + queue) for kind, queue in ERROR_QUEUES.items()),
    )


def declare(connection: BlockingConnection, namespace: str) -> tuple[Binding, ...]:
    """Make whatever is missing and return all bindings; doing it again changes nothing.

    Raises TopologyMismatchError when something exists with other arguments.
    """
    wanted = bindings(namespace)
    for binding in wanted:
        channel = connection.channel()
        try:
            _declare_one(channel, binding)
        except pika.exceptions.ChannelClosedByBroker as exc:
            if exc.reply_code != PRECONDITION_FAILED:
                raise
            raise TopologyMismatchError(
                f"queue {binding.queue} or exchange {binding.exchange} exists with other "
                f"arguments ({exc.reply_text}). Let its messages be consumed, delete it "
                f"(rabbitmqctl delete_queue {binding.queue}) and run createqueue again."
            ) from exc
        channel.close()
    return wanted


def _declare_one(channel: BlockingChannel, binding: Binding) -> None:
    channel.exchange_declare(binding.exchange, exchange_type="direct", durable=True)
    channel.queue_declare(binding.queue, durable=True, arguments=binding.arguments)
    channel.queue_bind(binding.queue, binding.exchange, binding.routing_key)
