"""What the API could not take: told to the caller, and kept at the broker to be made good."""

import json
from dataclasses import asdict
from typing import Any

from apiflask import APIFlask, HTTPError
from flask import Response, current_app, request
from pika.exceptions import AMQPError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from agendador.recovery import EventNotFoundError, RecoveryError
from agendador.schemas import JobIn
from core import logs, web
from core.broker import events
from core.broker.publisher import Publisher
from core.ledger.connection import ERRORS, is_lost
from core.ledger.transitions import pages, people
from core.tokens import Caller, caller

NOT_FOUND = 404
CONFLICT = 409
UNAVAILABLE = 503
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# An event keeps this much of each field of a refused payload.
MAX_VALUE_LENGTH = 1_000

# What may be raised while the database cannot be used; `is_away` tells whether it is that.
DATABASE_ERRORS = (*ERRORS, PoolTimeoutError)
# How long an answer waits for the broker to confirm that it keeps a job.
CONFIRM_SECONDS = 2.0

log = logs.logger(__name__)

_REFUSALS: dict[type[people.TransitionError], tuple[int, str]] = {
    people.JobNotFoundError: (NOT_FOUND, "Consulta não encontrada."),
    people.JobStartedError: (CONFLICT, "A consulta já começou e não pode mais ser alterada."),
    people.JobEndedError: (CONFLICT, "A consulta já terminou."),
    people.JobUnderWayError: (CONFLICT, "A consulta já está na fila ou em andamento."),
    pages.NotWaitingError: (CONFLICT, "A consulta não está à espera de uma página."),
}
_NO_OCCURRENCE = "A regra não tem nenhuma data a partir da data da consulta."


def register(app: APIFlask, publisher: Publisher) -> None:
    """Make `app` answer refused changes and a database that is away."""
    app.extensions["publisher"] = publisher
    app.register_error_handler(people.TransitionError, _refuse_change)
    app.register_error_handler(RecoveryError, _refuse_recovery)
    for kind in DATABASE_ERRORS:
        app.register_error_handler(kind, _database_away)
    app.register_error_handler(AMQPError, _broker_away)


def is_away(error: Exception) -> bool:
    """Tell whether one of DATABASE_ERRORS says that the database cannot be used."""
    return isinstance(error, PoolTimeoutError) or is_lost(error)


def report_refused(errors: dict[str, list[str]]) -> None:
    """Send what was refused of the present request's body to `payload_error`."""
    who = _author()
    if who is None:
        return
    events.emit(
        _publisher(),
        "payload",
        request_id=web.request_id(),
        method=request.method,
        path=request.path,
        payload=_known_fields(request.get_json(force=True, silent=True)),
        errors=errors,
        creator_id=who.user_id,
        creator_email=who.email,
    )


def refuse_payload(errors: dict[str, list[str]]) -> Response:
    """Answer that the body's fields are bad, as for one that the schema refuses."""
    report_refused(errors)
    return web.refuse(web.UNPROCESSABLE, errors=errors)


def keep_for_later(new: people.NewJob) -> HTTPError:
    """Send a job that the database could not take to `database_error`; return what to raise.

    The event holds all that is needed to make the job later, and its idempotency key: should the
    database have taken it after all, or the client send it again with that key, it is made once.
    Only what the broker has confirmed is said to be kept.
    """
    job = {**asdict(new), "date": new.date.isoformat()}
    event_id = events.keep(
        _publisher(), "database", seconds=CONFIRM_SECONDS, request_id=new.request_id, job=job
    )
    log.warning("job_not_stored", event_id=event_id)
    if event_id is None:
        return web.stop(
            UNAVAILABLE,
            "O banco de dados não respondeu e o pedido não foi guardado: tente de novo.",
        )
    error = web.stop(
        UNAVAILABLE,
        "O banco de dados não respondeu. O pedido foi guardado e a consulta será criada na "
        "recuperação; ao enviar de novo, use o mesmo cabeçalho Idempotency-Key desta resposta.",
    )
    error.headers = {"Idempotency-Key": str(new.idempotency_key)}
    return error


def _author() -> Caller | None:
    """Return who sent the present request's body, None where no token was asked for."""
    if request.method not in WITH_BODY:
        return None
    try:
        return caller()
    except RuntimeError:
        return None


def _publisher() -> Publisher:
    publisher: Publisher = current_app.extensions["publisher"]
    return publisher


def _known_fields(payload: Any) -> dict[str, Any]:
    """Return the fields that a job has; whatever else was sent may be a secret."""
    if not isinstance(payload, dict):
        return {}
    return {name: _cut(payload[name]) for name in JobIn.model_fields if name in payload}


def _cut(value: Any) -> Any:
    text = json.dumps(value)
    return value if len(text) <= MAX_VALUE_LENGTH else text[:MAX_VALUE_LENGTH]


def _refuse_change(error: people.TransitionError) -> Response:
    if isinstance(error, people.NoOccurrenceError):
        return refuse_payload({"recurrence": [_NO_OCCURRENCE]})
    status, message = _REFUSALS[type(error)]
    return web.refuse(status, message)


def _refuse_recovery(error: RecoveryError) -> Response:
    status = NOT_FOUND if isinstance(error, EventNotFoundError) else CONFLICT
    return web.refuse(status, str(error))


def _broker_away(error: Exception) -> Response:
    log.warning("broker_unavailable", error=type(error).__name__)
    return web.refuse(UNAVAILABLE)


def _database_away(error: Exception) -> Response:
    if not is_away(error):
        raise error
    log.warning("database_unavailable", error=type(error).__name__)
    return web.refuse(UNAVAILABLE)
