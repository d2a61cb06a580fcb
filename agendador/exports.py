"""Jobs and results as CSV (RFC 4180), streamed; no cell can be taken for a formula."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection, Engine, Row

from agendador.database import db
from agendador.schemas import MAX_LEDGER_ID, JobFilter
from core.clock import SAO_PAULO
from core.documents import format_cnpj
from core.ledger import listings
from core.ledger.transitions.work import COMPANY_FIELDS
from core.tokens import caller, signed_in

JOB_COLUMNS = (
    "id", "title", "description", "cpf_cnpj", "date", "priority", "status", "recurrence", "paused",
    "next_run_at", "created", "updated",
)  # fmt: skip
RESULT_COLUMNS = ("id", "job_id", *COMPANY_FIELDS, "created")
# What a spreadsheet program takes for the begin of a formula, the wide forms too (OWASP).
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_BOM = "\ufeff"
_BATCH_ROWS = 200

bp = APIBlueprint("exports", __name__, tag="Exportação")
_DOC: dict[int | str, Any] = {
    200: {"description": "O arquivo", "content": {"text/csv": {"schema": {"type": "string"}}}},
    401: {"description": "Sem um token válido"},
}


class Shape(BaseModel):
    """How the file is to look: with `;` it opens by itself in a Brazilian Excel."""

    separator: Literal[",", ";"] = ","


class JobsExport(JobFilter, Shape):
    """Which jobs, and the file's shape."""


class ResultsExport(Shape):
    """Which results, and the file's shape."""

    job_id: int | None = Field(default=None, ge=1, le=MAX_LEDGER_ID)


@bp.get("/jobs.csv")
@signed_in
@bp.input(JobsExport, location="query")
@bp.doc(security="bearer", summary="Exporta as consultas", responses=_DOC)
def export_jobs(query_data: JobsExport) -> Response:
    """Answer the caller's jobs as a table."""
    choice = query_data.choice(caller().user_id)
    return _table(
        "consultas.csv",
        JOB_COLUMNS,
        lambda connection: listings.every_job(connection, choice),
        query_data.separator,
    )


@bp.get("/results.csv")
@signed_in
@bp.input(ResultsExport, location="query")
@bp.doc(security="bearer", summary="Exporta os resultados", responses=_DOC)
def export_results(query_data: ResultsExport) -> Response:
    """Answer the caller's results as a table."""
    mine = caller().user_id
    return _table(
        "resultados.csv",
        RESULT_COLUMNS,
        lambda connection: listings.every_result(connection, mine, query_data.job_id),
        query_data.separator,
    )


def cell(name: str, value: Any) -> str:
    """Return a value as the text of a cell, harmless in a spreadsheet."""
    text = _plain(name, value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in {"cpf_cnpj", "cnpj"}:
        # With its punctuation, so that no spreadsheet takes it for a number.
        return format_cnpj(value)
    if isinstance(value, list):
        return " | ".join(_item(item) for item in value)
    if hasattr(value, "astimezone"):
        return f"{value.astimezone(SAO_PAULO):%Y-%m-%d %H:%M:%S}"
    return str(value)


def _item(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    return " - ".join(str(part) for part in item.values() if part)


Read = Callable[[Connection], Iterable[Row[Any]]]


def _table(name: str, columns: tuple[str, ...], read: Read, separator: str) -> Response:
    body = _lines(db.engine, columns, read, separator)
    response = Response(body, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _lines(engine: Engine, columns: tuple[str, ...], read: Read, separator: str) -> Iterator[bytes]:
    written = io.StringIO()
    table = csv.writer(written, delimiter=separator)
    if separator == ";":
        # Excel takes a file without this mark for Windows-1252.
        written.write(_BOM)
    table.writerow(columns)
    with engine.connect() as connection:
        for number, row in enumerate(read(connection)):
            table.writerow([cell(column, getattr(row, column)) for column in columns])
            if number % _BATCH_ROWS == 0:
                yield _drain(written)
    yield _drain(written)


def _drain(written: io.StringIO) -> bytes:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text.encode()
