"""Jobs by the table: one CNPJ a row."""

import uuid
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, field_validator
from sqlalchemy import Connection

from agendador import errors, limits, uploads
from agendador.database import db, single
from agendador.fields import Utc
from agendador.import_rows import ImportRow, read_rows
from agendador.schemas import JobIn, ListQuery, Row, shown
from agendador.tables import TableError, read
from core import web
from core.clock import utc_now
from core.ledger import reports
from core.ledger.models import Status
from core.ledger.transitions import imports, people
from core.tokens import caller, signed_in

MAX_UPLOAD_BYTES = 5_000_000
OK, CREATED, NOT_FOUND = 200, 201, 404

bp = APIBlueprint("imports", __name__, tag="Importação")


class ImportedRow(BaseModel):
    """What became of a row: `created`, `existing` (made before), `repeated` or `refused`."""

    row: int
    status: str
    job_id: int | None
    cpf_cnpj: str
    notice: str
    errors: dict[str, list[str]]


class Imported(BaseModel):
    """What became of a table; `import_id` leads to its progress, null in a preview."""

    import_id: int | None
    lines: int
    created: int
    existing: int
    repeated: int
    refused: int
    rows: list[ImportedRow]


class ImportOut(Row):
    """How far the jobs of an import are: of `made` ones, how many are in each status.

    The ones that were deleted since are in none; `next_run_at` is when the next one is due.
    """

    id: int
    created: Utc
    lines: int
    made: int
    by_status: dict[Status, int]
    next_run_at: Utc | None

    @field_validator("by_status")
    @classmethod
    def _name_all(cls, by_status: dict[Status, int]) -> dict[Status, int]:
        return {status: by_status.get(status, 0) for status in Status}


@bp.post("/jobs/import")
@signed_in
@bp.output(Imported, status_code=CREATED)
@bp.doc(
    security="bearer",
    summary="Agenda uma consulta por linha de um CSV ou XLSX",
    responses=[200, 401, 409, 413, 422, 429],
)
def import_jobs() -> Response:
    """Make a job of every good row; sending the same table again makes nothing twice.

    The table is the field `file` of a form, or the body. Other fields of the form, or of the
    query, are for rows that say nothing: `title`, `description`, `date`, `priority`, `recurrence`.
    With `preview=true` everything is tried and nothing is kept.
    """
    request.max_content_length = MAX_UPLOAD_BYTES
    now = utc_now()
    preview = (request.args | request.form).get("preview", "false")
    if preview not in {"true", "false"}:
        return errors.refuse_payload({"preview": ["Deve ser true ou false."]})
    try:
        rows = read_rows(read(_uploaded()), _defaults(), now)
    except TableError as exc:
        return errors.refuse_payload({"file": [str(exc)]})
    with db.engine.begin() as connection:
        people.take_turn(connection, caller().user_id)
        limits.check_imports(connection)
        data = _make(connection, rows)
        if data["created"]:
            limits.check_open_jobs(connection)
        if preview == "true":
            connection.rollback()
            rows_alone = [row | {"job_id": None} for row in data["rows"]]
            data |= {"import_id": None, "rows": rows_alone}
            return web.answer("import", f"Prévia, nada foi agendado: {_told(data)}", data)
    status = CREATED if data["created"] else OK
    return web.answer("import", _told(data), data, status)


@bp.get("/imports")
@signed_in
@bp.input(ListQuery, location="query")
@bp.output(list[ImportOut])  # type: ignore[arg-type] # APIFlask takes a list of models
@bp.doc(security="bearer", summary="Lista as suas importações", responses=[401])
def list_imports(query_data: ListQuery) -> Response:
    """Answer one page of the caller's imports, newest first."""
    page, per_page = query_data.page, query_data.per_page
    with single() as connection:
        rows = reports.list_imports(connection, caller().user_id, per_page, (page - 1) * per_page)
    data = [shown(ImportOut, row) for row in rows]
    return web.answer("imports", "Importações listadas.", data)


@bp.get("/imports/<int:import_id>")
@signed_in
@bp.output(ImportOut)
@bp.doc(security="bearer", summary="Mostra o andamento de uma importação", responses=[401, 404])
def read_import(import_id: int) -> Response:
    """Answer how far the jobs of an import are."""
    with single() as connection:
        row = reports.find_import(connection, caller().user_id, import_id)
    if row is None:
        raise web.stop(NOT_FOUND, "Importação não encontrada.")
    return web.answer("imports", "Importação encontrada.", shown(ImportOut, row))


def _uploaded() -> bytes:
    content = uploads.content()
    if content is None:
        raise TableError("Envie o arquivo no campo file.")
    return content


def _defaults() -> dict[str, str]:
    given = request.args | request.form
    return {name: given[name] for name in JobIn.model_fields if given.get(name)}


def _make(connection: Connection, rows: list[ImportRow]) -> dict[str, Any]:
    who = caller()
    import_id = imports.note_import(connection, who.user_id, len(rows))
    first_of: dict[str, int] = {}
    for row in rows:
        if row.job is not None:
            first_of.setdefault(row.key, row.number)
    wanted = [_new(row, import_id) for row in rows if row.job and first_of[row.key] == row.number]
    made = imports.create_jobs(connection, wanted)
    shown = [_row(row, first_of, made) for row in rows]
    counts = {
        status: sum(row["status"] == status for row in shown)
        for status in ("created", "existing", "repeated", "refused")
    }
    imports.note_made(connection, import_id, counts["created"])
    return {"import_id": import_id, "lines": len(rows), **counts, "rows": shown}


def _new(row: ImportRow, import_id: int) -> people.NewJob:
    who = caller()
    assert row.job is not None  # noqa: S101 the caller has chosen those with a job
    return people.NewJob(
        **row.job.model_dump(),
        creator_id=who.user_id,
        creator_email=who.email,
        idempotency_key=row.key or str(uuid.uuid4()),
        request_id=web.request_id(),
        import_id=import_id,
    )


def _row(
    row: ImportRow, first_of: dict[str, int], made: dict[str, tuple[int, bool]]
) -> dict[str, Any]:
    job_id, status, notice = None, "refused", row.notice
    if row.job is not None:
        job_id, is_new = made[row.key]
        status = "created" if is_new else "existing"
        if first_of[row.key] != row.number:
            status, notice = "repeated", f"Igual à linha {first_of[row.key]}."
    return {
        "row": row.number,
        "status": status,
        "job_id": job_id,
        "cpf_cnpj": row.cpf_cnpj,
        "notice": notice,
        "errors": row.errors,
    }


def _told(data: dict[str, Any]) -> str:
    return (
        f"{data['created']} consulta(s) criada(s), {data['existing'] + data['repeated']} que já "
        f"existia(m), {data['refused']} linha(s) recusada(s)."
    )
