"""What a user's consultations add up to, and what they have brought of a company."""

from datetime import date
from typing import Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, Field

from agendador.database import db, single
from agendador.fields import Utc
from agendador.results import shown_result
from agendador.schemas import ListQuery, ResultOut, Row, shown
from core import web
from core.documents import InvalidDocumentError, parse_cnpj
from core.ledger import reports
from core.ledger.models import Status
from core.tokens import caller, signed_in

NOT_FOUND = 404
MAX_DAYS = 366

bp = APIBlueprint("overview", __name__, tag="Visão geral")


class StatsQuery(BaseModel):
    """Of how many days, today included."""

    days: int = Field(default=30, ge=1, le=MAX_DAYS)


class Day(Row):
    """The runs of a day in São Paulo, by how they ended."""

    day: date
    processed: int
    error: int
    cancelled: int
    open: int


class Latency(BaseModel):
    """Of the runs that ended: seconds from being due to the start, and from there to the end."""

    runs: int
    wait_p50_s: float | None
    wait_p95_s: float | None
    work_p50_s: float | None
    work_p95_s: float | None


class Stats(BaseModel):
    """What a dashboard shows.

    Where there are 10,000 jobs or runs to count, those that have ended, days before today and
    `latency` may be a minute old.
    """

    by_status: dict[str, int]
    by_day: list[Day]
    latency: Latency


class Moment(Row):
    """One result in a company's history, and what had changed by then."""

    id: int
    job_id: int
    created: Utc
    source: str
    changes: list[dict[str, Any]]


class Company(BaseModel):
    """The latest result of a company and its history, newest first."""

    latest: ResultOut
    timeline: list[Moment]


@bp.get("/stats")
@signed_in
@bp.input(StatsQuery, location="query")
@bp.output(Stats)
@bp.doc(security="bearer", summary="Números das suas consultas", responses=[401])
def read_stats(query_data: StatsQuery) -> Response:
    """Answer what the caller's consultations add up to."""
    with single() as connection:
        found = reports.figures(connection, caller().user_id, query_data.days)
    data = {
        "by_status": {status.value: found.by_status.get(status, 0) for status in Status},
        "by_day": [shown(Day, day) for day in found.by_day],
        "latency": _latency(found.latency),
    }
    return web.answer("stats", "Números das suas consultas.", data)


@bp.get("/companies/<path:cnpj>")
@signed_in
@bp.input(ListQuery, location="query")
@bp.output(Company)
@bp.doc(security="bearer", summary="O que se sabe de uma empresa", responses=[401, 404])
def read_company(cnpj: str, query_data: ListQuery) -> Response:
    """Answer the caller's latest result of a company, and its history."""
    page, per_page = query_data.page, query_data.per_page
    with db.engine.connect() as connection:
        number = _number(cnpj)
        latest = reports.company_results(connection, caller().user_id, number, 1, 0)
        if not latest:
            raise web.stop(NOT_FOUND, "Nenhuma consulta sua trouxe dados deste CNPJ ainda.")
        skip = (page - 1) * per_page
        history = reports.company_results(connection, caller().user_id, number, per_page, skip)
    timeline = [shown(Moment, result) for result in history]
    data = {"latest": shown_result(latest[0]), "timeline": timeline}
    return web.answer("companies", "Empresa encontrada.", data)


def _number(cnpj: str) -> str:
    try:
        return parse_cnpj(cnpj)
    except InvalidDocumentError as exc:
        raise web.stop(NOT_FOUND, str(exc)) from exc


def _latency(spent: Any) -> dict[str, Any]:
    wait, work = spent.wait or [None, None], spent.work or [None, None]
    return {
        "runs": spent.runs,
        "wait_p50_s": wait[0],
        "wait_p95_s": wait[1],
        "work_p50_s": work[0],
        "work_p95_s": work[1],
    }
