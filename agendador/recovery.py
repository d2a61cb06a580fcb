"""Error events and dead letters at the broker: looked at, replayed, discarded.

A message is taken without being acknowledged and goes back to its place unless it is dealt with, so
a crash loses none, and of two people who replay one only the first finds it.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.spec import BasicProperties
from sqlalchemy import Engine

from core.broker import topology
from core.ledger import queries
from core.ledger.models import Status
from core.ledger.transitions import people

DEAD_LETTER = "dead_letter"
QUEUES = topology.ERROR_QUEUES | {DEAD_LETTER: topology.JOB_CREATED_DLQ}
# A search does not go deeper into a queue than this.
MAX_SEARCHED = 5_000
MAX_SHOWN = 20_000
PREFETCH = 500
SECONDS_TO_NEXT = 1.0


class RecoveryError(Exception):
    """What was asked for cannot be done; the message tells why, in Portuguese."""


class EventNotFoundError(RecoveryError):
    """No queue holds an event of that id."""


@dataclass(frozen=True)
class Event:
    """A message of an error queue; `body` is None when it is no JSON object, `text` its begin."""

    id: str
    kind: str
    occurred_at: datetime | None
    body: dict[str, Any] | None
    text: str


@dataclass(frozen=True)
class QueueState:
    """How a queue stands; `oldest` is when its first message was sent."""

    name: str
    messages: int
    consumers: int
    oldest: datetime | None


def list_events(
    connection: BlockingConnection, namespace: str, kind: str | None, limit: int
) -> list[Event]:
    """Return up to `limit` events of each kind, or of one, oldest first; they stay."""
    kinds = QUEUES if kind is None else [kind]
    events: list[Event] = []
    for each in kinds:
        with connection.channel() as channel:
            events += [event for event, _ in _look(channel, namespace, each, limit)]
    return events


def find(connection: BlockingConnection, namespace: str, event_id: str) -> Event:
    """Return an event, which stays where it is; raises EventNotFoundError."""
    with connection.channel() as channel:
        return _take(channel, namespace, event_id)[0]


def replay(connection: BlockingConnection, namespace: str, event_id: str, ledger: Engine) -> str:
    """Make an event good, take it from its queue, and return what came of it, in Portuguese.

    A `database_error` becomes its job, exactly once; a dead letter's job runs once more. Raises
    EventNotFoundError, and RecoveryError for what cannot be made good: the event stays.
    """
    with connection.channel() as channel:
        event, tag = _take(channel, namespace, event_id)
        outcome = _make_good(event, ledger)
        channel.basic_ack(tag)
    return outcome


def discard(connection: BlockingConnection, namespace: str, event_id: str) -> Event:
    """Take an event from its queue for good and return it; raises EventNotFoundError."""
    with connection.channel() as channel:
        event, tag = _take(channel, namespace, event_id)
        channel.basic_ack(tag)
    return event


def queue_states(
    connection: BlockingConnection, namespace: str, ledger: Engine
) -> list[QueueState]:
    """Return how each queue of the system stands."""
    states = [_jobs_state(connection, namespace, ledger)]
    for kind, queue in QUEUES.items():
        with connection.channel() as channel:
            declared = channel.queue_declare(namespace + queue, passive=True).method
            first = next(_look(channel, namespace, kind, 1), None)
        oldest = first[0].occurred_at if first else None
        count = declared.message_count
        states.append(QueueState(queue, count, declared.consumer_count, oldest))
    return states


def _jobs_state(connection: BlockingConnection, namespace: str, ledger: Engine) -> QueueState:
    """Return how the job queue stands; its messages are the workers' and not to be taken."""
    with connection.channel() as channel:
        declared = channel.queue_declare(namespace + topology.JOB_CREATED, passive=True).method
    with ledger.connect() as ledger_connection:
        oldest = queries.oldest_queued(ledger_connection)
    return QueueState(topology.JOB_CREATED, declared.message_count, declared.consumer_count, oldest)


def _look(
    channel: BlockingChannel, namespace: str, kind: str, limit: int
) -> Iterator[tuple[Event, int]]:
    """Yield events of a queue with their delivery tags; they go back when the channel closes."""
    queue = namespace + QUEUES[kind]
    waiting = channel.queue_declare(queue, passive=True).method.message_count
    wanted = min(limit, waiting)
    if wanted == 0:
        return
    # Pushed, they come many times as fast as when each is asked for.
    channel.basic_qos(prefetch_count=min(wanted, PREFETCH))
    taken = channel.consume(queue, inactivity_timeout=SECONDS_TO_NEXT)
    try:
        for _, (method, properties, body) in zip(range(wanted), taken, strict=False):
            if method is None:  # somebody else has taken them
                return
            yield _event(kind, properties, body), method.delivery_tag
    finally:
        channel.cancel()


def _take(channel: BlockingChannel, namespace: str, event_id: str) -> tuple[Event, int]:
    for kind in QUEUES:
        for event, tag in _look(channel, namespace, kind, MAX_SEARCHED):
            if event.id == event_id:
                return event, tag
    raise EventNotFoundError("Evento não encontrado.")


def _event(kind: str, properties: BasicProperties, body: bytes) -> Event:
    sent = properties.timestamp
    return Event(
        id=properties.message_id or hashlib.sha256(body).hexdigest()[:32],
        kind=kind,
        occurred_at=datetime.fromtimestamp(sent, UTC) if sent else None,
        body=_object(body),
        text=body[:MAX_SHOWN].decode(errors="replace"),
    )


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _make_good(event: Event, ledger: Engine) -> str:
    if event.kind == "database":
        return _make_job(event, ledger)
    if event.kind == DEAD_LETTER:
        return _run_again(event, ledger)
    if event.kind == "queue":
        return "O despachante publica a consulta de novo por conta própria: o aviso foi retirado."
    raise RecoveryError("Este tipo de evento não pode ser refeito, só examinado ou descartado.")


def _make_job(event: Event, ledger: Engine) -> str:
    try:
        asked = dict((event.body or {})["job"])
        asked["date"] = datetime.fromisoformat(asked["date"])
        asked["idempotency_key"] = asked.get("idempotency_key") or event.id
        new = people.NewJob(**asked)
    except (KeyError, TypeError, ValueError):
        raise RecoveryError("O evento não contém uma consulta completa.") from None
    with ledger.begin() as connection:
        job, is_new = people.create_job(connection, new)
    return f"Consulta {job.id} criada." if is_new else f"A consulta {job.id} já tinha sido criada."


def _run_again(event: Event, ledger: Engine) -> str:
    body = event.body or {}
    job_id, creator_id = body.get("id"), body.get("creator_id")
    if not isinstance(job_id, int) or not isinstance(creator_id, str):
        raise RecoveryError("A mensagem não diz de que consulta é.")
    try:
        with ledger.begin() as connection:
            job = queries.find_job(connection, job_id, creator_id)
            if job is not None and job.status == Status.CANCELLED:
                raise RecoveryError(f"A consulta {job_id} foi cancelada.")
            people.run_job_now(connection, job_id, creator_id)
    except people.JobNotFoundError:
        raise RecoveryError(f"A consulta {job_id} não existe mais.") from None
    except people.JobUnderWayError:
        return f"A consulta {job_id} já está na fila ou em andamento."
    return f"A consulta {job_id} será executada de novo."
