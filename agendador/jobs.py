"""The jobs: make, list, read, edit, delete, cancel, and their history."""

from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any

from apiflask import APIBlueprint, HTTPError
from flask import Response, request
from pydantic import ValidationError
from sqlalchemy import Connection, Row

from agendador import cursors, errors, limits
from agendador.database import db, single
from agendador.schemas import (
    IdempotencyHeader,
    JobIn,
    JobOut,
    JobPage,
    JobPatch,
    JobsQuery,
    ListQuery,
    RunOut,
    shown,
    shown_job,
)
from core import web
from core.ledger import listings, queries
from core.ledger.models import FINAL
from core.ledger.transitions import people
from core.tokens import caller, signed_in
from core.validation import WHOLE_PAYLOAD

CREATED = 201

bp = APIBlueprint("jobs", __name__, tag="Consultas")


@bp.get("/jobs")
@signed_in
@bp.input(JobsQuery, location="query")
@bp.output(JobPage)
@bp.doc(
    security="bearer", summary="Lista as consultas, da mais nova à mais antiga", responses=[401]
)
def list_jobs(query_data: JobsQuery) -> Response:
    """Answer one page of the caller's jobs."""
    query, choice = query_data, query_data.choice(caller().user_id)
    place = cursors.read(query.sort, query.cursor) if query.cursor else None
    skip = 0 if place else (query.page - 1) * query.per_page
    with single() as connection:
        # One more than are shown tells whether there is another page.
        rows, total = listings.list_and_count(
            connection, choice, query.sort, query.per_page + 1, skip=skip, place=place
        )
        _let_mails_follow(connection, rows)
    has_next = len(rows) > query.per_page
    rows = rows[: query.per_page]
    page = None if query.cursor else query.page
    data = {
        "items": [shown_job(row) for row in rows],
        "page": page,
        "per_page": query.per_page,
        "total": total,
        "total_is_exact": total < listings.COUNT_LIMIT,
        "has_next": has_next,
        "has_prev": page != 1,
        "next_num": page + 1 if page and has_next else None,
        "prev_num": page - 1 if page and page > 1 else None,
        "next_cursor": _cursor(query, rows) if has_next else None,
    }
    return web.answer("jobs", "Consultas listadas.", data)


@bp.post("/jobs")
@signed_in
@bp.input(JobIn)
@bp.output(JobOut, status_code=CREATED)
@bp.doc(security="bearer", summary="Agenda uma consulta", responses=[400, 401, 409, 503])
def create_job(json_data: JobIn) -> Response:
    """Make a job; a broker that is down neither delays nor refuses it."""
    who = caller()
    new = people.NewJob(
        **vars(json_data),
        creator_id=who.user_id,
        creator_email=who.email,
        idempotency_key=_given_key() or token_hex(16),
        request_id=web.request_id(),
    )
    try:
        job, is_new = _make(new)
    except errors.DATABASE_ERRORS as exc:
        if not errors.is_away(exc):
            raise
        raise errors.keep_for_later(new) from exc
    if not is_new:
        _check_same(job, new)
    return web.answer("jobs", "Consulta agendada.", shown_job(job), CREATED)


@bp.get("/job/<int:job_id>")
@signed_in
@bp.output(JobOut)
@bp.doc(security="bearer", summary="Mostra uma consulta", responses=[401, 404])
def read_job(job_id: int) -> Response:
    """Answer a job."""
    with single() as connection:
        return web.answer("job", "Consulta encontrada.", _show(connection, job_id))


@bp.put("/job/<int:job_id>")
@signed_in
@bp.input(JobIn)
@bp.output(JobOut)
@bp.doc(
    security="bearer",
    summary="Substitui uma consulta que ainda não começou",
    responses=[400, 401, 404, 409],
)
def replace_job(job_id: int, json_data: JobIn) -> Response:
    """Change all fields of a job that has not started; those absent return to their defaults."""
    return _edit(job_id, json_data.model_dump())


@bp.patch("/job/<int:job_id>")
@signed_in
@bp.input(JobPatch)
@bp.output(JobOut)
@bp.doc(
    security="bearer",
    summary="Altera campos de uma consulta que ainda não começou",
    responses=[400, 401, 404, 409],
)
def edit_job(job_id: int, json_data: JobPatch) -> Response:
    """Change some fields of a job that has not started."""
    if request.get_json(force=True) is None:
        # APIFlask takes null for an object without fields.
        return errors.refuse_payload({WHOLE_PAYLOAD: ["Deve ser um objeto JSON."]})
    return _edit(job_id, json_data.changes())


@bp.delete("/job/<int:job_id>")
@signed_in
@bp.output(JobOut)
@bp.doc(
    security="bearer",
    summary="Exclui uma consulta; uma que está em andamento é cancelada",
    responses=[401, 404],
)
def delete_job(job_id: int) -> Response:
    """Delete a job with its history and results; answer it as it was."""
    with db.engine.begin() as connection:
        job = _show(connection, job_id)
        if people.delete_job(connection, job_id, caller().user_id):
            return web.answer("job", "Consulta excluída.", job)
        return web.answer(
            "job", "A consulta estava em andamento e foi cancelada.", _show(connection, job_id)
        )


@bp.post("/job/<int:job_id>/cancel")
@signed_in
@bp.output(JobOut)
@bp.doc(security="bearer", summary="Cancela uma consulta", responses=[401, 404, 409])
def cancel_job(job_id: int) -> Response:
    """Cancel a job that has not ended."""
    return _change(job_id, people.cancel_job, "Consulta cancelada.")


@bp.post("/job/<int:job_id>/run")
@signed_in
@bp.output(JobOut)
@bp.doc(
    security="bearer",
    summary="Executa uma consulta agora, de novo se já terminou",
    responses=[401, 404, 409],
)
def run_job_now(job_id: int) -> Response:
    """Make a job due now; a recurring one keeps its next date."""
    return _change(job_id, people.run_job_now, "Consulta enviada para execução.")


@bp.post("/job/<int:job_id>/pause")
@signed_in
@bp.output(JobOut)
@bp.doc(security="bearer", summary="Pausa uma consulta", responses=[401, 404, 409])
def pause_job(job_id: int) -> Response:
    """Hold a job until it is resumed."""
    return _change(job_id, people.pause_job, "Consulta pausada.")


@bp.post("/job/<int:job_id>/resume")
@signed_in
@bp.output(JobOut)
@bp.doc(security="bearer", summary="Retoma uma consulta pausada", responses=[401, 404])
def resume_job(job_id: int) -> Response:
    """Let a paused job go on."""
    return _change(job_id, people.resume_job, "Consulta retomada.")


@bp.get("/job/<int:job_id>/runs")
@signed_in
@bp.input(ListQuery, location="query")
@bp.output(list[RunOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(security="bearer", summary="Histórico de uma consulta", responses=[401, 404])
def list_runs(job_id: int, query_data: ListQuery) -> Response:
    """Answer the occurrences of a job, latest first."""
    with single() as connection:
        _show(connection, job_id)
        rows = queries.list_runs(connection, job_id, query_data.page, query_data.per_page)
    return web.answer("runs", "Histórico da consulta.", [shown(RunOut, row) for row in rows])


def _given_key() -> str | None:
    """Return the Idempotency-Key that came with the request; raises the refusal (422) of a bad one.

    It is not the view's `input`, since APIFlask would go through all headers for it.
    """
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    try:
        return IdempotencyHeader.model_validate({"idempotency_key": given}).idempotency_key
    except ValidationError as exc:
        raise HTTPError(web.UNPROCESSABLE) from exc


def _make(new: people.NewJob) -> tuple[Row[Any], bool]:
    if limits.open_jobs().is_far(new.creator_id):
        with single() as connection:
            return people.create_job(connection, new)
    with db.engine.begin() as connection:
        people.take_turn(connection, new.creator_id)
        job, is_new = people.create_job(connection, new)
        if is_new:
            limits.check_open_jobs(connection)
        return job, is_new


def _let_mails_follow(connection: Connection, jobs: Sequence[Row[Any]]) -> None:
    """Let mails of open jobs go to the address in the caller's token, if it is another by now.

    Accounts live in another service, so a change is learned where a job has the former address.
    """
    who = caller()
    if any(job.creator_email != who.email and job.status not in FINAL for job in jobs):
        people.move_mails(connection, who.user_id, who.email)


def _cursor(query: JobsQuery, rows: Sequence[Row[Any]]) -> str:
    return cursors.write(query.sort, listings.place_of(rows[-1], query.sort))


def _check_same(job: Row[Any], new: people.NewJob) -> None:
    """Raise the refusal (409) of a key that belongs to another request's job.

    A job that was changed since, or has gone on to a later date, may well be the one.
    """
    if job.updated != job.created:
        return
    asked = new.title, new.description, new.cpf_cnpj, new.priority
    date = people.first_date(new.recurrence, new.date)
    went_on = job.recurrence is not None and new.recurrence is not None and job.date > date
    if (job.title, job.description, job.cpf_cnpj, job.priority) == asked and (
        went_on or (job.recurrence, job.date) == (new.recurrence, date)
    ):
        return
    raise web.stop(
        errors.CONFLICT,
        "Este Idempotency-Key já foi usado em outro pedido. Use uma chave nova para cada consulta.",
    )


def _edit(job_id: int, changes: dict[str, Any]) -> Response:
    with db.engine.begin() as connection:
        people.edit_job(connection, job_id, caller().user_id, changes)
        return web.answer("job", "Consulta alterada.", _show(connection, job_id))


def _change(
    job_id: int, transition: Callable[[Connection, int, str], None], message: str
) -> Response:
    with db.engine.begin() as connection:
        transition(connection, job_id, caller().user_id)
        return web.answer("job", message, _show(connection, job_id))


def _show(connection: Connection, job_id: int) -> dict[str, Any]:
    """Return a job of the caller as the API shows it; raises JobNotFoundError."""
    job = queries.find_job(connection, job_id, caller().user_id)
    if job is None:
        raise people.JobNotFoundError
    return shown_job(job)
