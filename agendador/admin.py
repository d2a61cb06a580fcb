"""What administrators see and do: error events, queues, workers and sources."""

from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response, current_app
from pika.adapters.blocking_connection import BlockingConnection
from pydantic import BaseModel, Field

from agendador import recovery
from agendador.access import admins_only
from agendador.database import db, single
from agendador.fields import Utc
from agendador.schemas import Row, shown
from agendador.settings import AgendadorSettings
from core import web
from core.broker.connection import connect
from core.ledger import queries
from core.tokens import signed_in

MAX_LISTED = 500
KINDS = tuple(recovery.QUEUES)

bp = APIBlueprint("admin", __name__, url_prefix="/admin", tag="Administração")


class EventsQuery(BaseModel):
    """Which error events: of one kind, or of all, so many of each."""

    kind: Literal[KINDS] | None = None  # type: ignore[valid-type]
    limit: int = Field(default=50, ge=1, le=MAX_LISTED)


class EventOut(Row):
    """An error event or dead letter; `body` is null when it is no JSON object."""

    id: str
    kind: str
    occurred_at: Utc | None
    body: dict[str, Any] | None
    text: str


class QueueOut(Row):
    """How a queue stands."""

    name: str
    messages: int
    consumers: int
    oldest: Utc | None


class SourceOut(Row):
    """How a source of companies is doing.

    `state` is `closed` (asked normally), `paused` (it asked us to wait), `open` (it failed and is
    left alone until `until`) or `half_open` (one worker at a time tries it). `rate_left` is how
    many questions this minute still bears, null without a limit.
    """

    name: str
    per_minute: int
    state: Literal["closed", "paused", "open", "half_open"]
    until: Utc | None
    rate_left: int | None
    latency_ms: float | None
    error_share: float | None
    last_error: str | None
    last_error_at: Utc | None
    last_success_at: Utc | None


class WorkerOut(Row):
    """A process that works behind the APIs.

    `kind` is `lookups` (consults companies), `mail` or `dispatch`; `missing` tells that it has
    given no sign of life for 30 seconds. `at_work` is how many runs it holds, null where it holds
    none by its nature.
    """

    name: str
    kind: Literal["lookups", "mail", "dispatch"]
    host: str
    slots: int
    at_work: int | None
    started_at: Utc
    seen_at: Utc
    missing: bool


@bp.get("/queues")
@signed_in
@admins_only
@bp.output(list[QueueOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(security="bearer", summary="Estado das filas", responses=[401, 403, 503])
def list_queues() -> Response:
    """Answer how each queue stands."""
    with _broker() as connection:
        states = recovery.queue_states(connection, _namespace(), db.engine)
    return web.answer("queues", "Filas listadas.", [shown(QueueOut, state) for state in states])


@bp.get("/workers")
@signed_in
@admins_only
@bp.output(list[WorkerOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(security="bearer", summary="Processos vistos", responses=[401, 403])
def list_workers() -> Response:
    """Answer which workers, mailers and dispatchers were there in the last hour."""
    with single() as connection:
        rows = queries.list_workers(connection)
    return web.answer("workers", "Processos listados.", [shown(WorkerOut, row) for row in rows])


@bp.get("/sources")
@signed_in
@admins_only
@bp.output(list[SourceOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(security="bearer", summary="Saúde das fontes", responses=[401, 403])
def list_sources() -> Response:
    """Answer how each source that a worker has used is doing."""
    with single() as connection:
        rows = queries.list_sources(connection)
    return web.answer("sources", "Fontes listadas.", [shown(SourceOut, row) for row in rows])


@bp.get("/errors")
@signed_in
@admins_only
@bp.input(EventsQuery, location="query")
@bp.output(list[EventOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(security="bearer", summary="Eventos de erro e mensagens mortas", responses=[401, 403, 503])
def list_errors(query_data: EventsQuery) -> Response:
    """Answer error events, oldest first."""
    with _broker() as connection:
        events = recovery.list_events(connection, _namespace(), query_data.kind, query_data.limit)
    return web.answer("errors", "Eventos listados.", [shown(EventOut, event) for event in events])


@bp.get("/errors/<event_id>")
@signed_in
@admins_only
@bp.output(EventOut)
@bp.doc(security="bearer", summary="Mostra um evento", responses=[401, 403, 404, 503])
def read_error(event_id: str) -> Response:
    """Answer an error event."""
    with _broker() as connection:
        event = recovery.find(connection, _namespace(), event_id)
    return web.answer("errors", "Evento encontrado.", shown(EventOut, event))


@bp.post("/errors/<event_id>/replay")
@signed_in
@admins_only
@bp.doc(security="bearer", summary="Refaz um evento", responses=[401, 403, 404, 409, 503])
def replay_error(event_id: str) -> Response:
    """Make an error event good."""
    with _broker() as connection:
        outcome = recovery.replay(connection, _namespace(), event_id, db.engine)
    return web.answer("errors", outcome)


@bp.delete("/errors/<event_id>")
@signed_in
@admins_only
@bp.output(EventOut)
@bp.doc(security="bearer", summary="Descarta um evento", responses=[401, 403, 404, 503])
def discard_error(event_id: str) -> Response:
    """Take an error event from its queue for good."""
    with _broker() as connection:
        event = recovery.discard(connection, _namespace(), event_id)
    return web.answer("errors", "Evento descartado.", shown(EventOut, event))


def _settings() -> AgendadorSettings:
    settings: AgendadorSettings = current_app.extensions["settings"]
    return settings


def _namespace() -> str:
    return _settings().broker_namespace


def _broker() -> BlockingConnection:
    return connect(_settings(), "recovery")
