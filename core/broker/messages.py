"""The messages that cross the broker: persistent JSON with traceable properties."""

import json
import time
from dataclasses import dataclass
from typing import Any

import pika

from core.broker import topology

APP_ID = "agendador-de-consulta-cnpj"

# `json.dumps` would make one for each message.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


@dataclass(frozen=True)
class Message:
    """A message and where it goes; `exchange` is without the namespace."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    correlation_id: str
    type: str
    priority: int = 0

    def properties(self) -> pika.BasicProperties:
        """Return the AMQP properties; `timestamp` is the moment of the call, in seconds."""
        return pika.BasicProperties(
            app_id=APP_ID,
            content_type="application/json",
            content_encoding="utf-8",
            correlation_id=self.correlation_id,
            delivery_mode=pika.DeliveryMode.Persistent.value,
            message_id=self.message_id,
            priority=self.priority,
            timestamp=int(time.time()),
            type=self.type,
        )


def job_created(body: dict[str, Any], *, priority: int, request_id: str) -> Message:
    """Return the message that asks for a run; `body` holds the job, `run_id` and `attempt`.

    `priority` is the effective one, by which the broker delivers.
    """
    return Message(
        exchange=topology.JOBS_EXCHANGE,
        routing_key=topology.JOB_CREATED,
        body=encode(body),
        message_id=str(body["run_id"]),
        correlation_id=request_id,
        type=topology.JOB_CREATED,
        priority=priority,
    )


def error_event(kind: str, body: dict[str, Any], *, event_id: str, request_id: str) -> Message:
    """Return an error event; `kind` is a key of `topology.ERROR_QUEUES`."""
    return Message(
        exchange=topology.ERRORS_EXCHANGE,
        routing_key=kind,
        body=encode(body),
        message_id=event_id,
        correlation_id=request_id,
        type=topology.ERROR_QUEUES[kind],
    )


def encode(body: dict[str, Any]) -> bytes:
    """Return compact UTF-8 JSON; what JSON does not know (UUID, datetime) becomes its text."""
    # Half of a surrogate pair has no UTF-8; its backslash escape is what JSON writes for it.
    return _JSON.encode(body).encode(errors="backslashreplace")
