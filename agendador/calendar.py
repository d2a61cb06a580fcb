"""The calendar feed (RFC 5545): a user's jobs in their own calendar program."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, Field
from sqlalchemy import Row

from agendador.database import db
from core import web
from core.clock import SAO_PAULO, utc_now
from core.documents import format_cnpj
from core.ledger import recurrence, reports
from core.ledger.transitions import preferences
from core.tokens import caller, signed_in

CREATED, NOT_FOUND = 201, 404
TOKEN_BYTES = 32
PAST = timedelta(days=30)
# How long a consultation is shown, in minutes.
SHOWN_MINUTES = 15
LINE_OCTETS = 75

bp = APIBlueprint("calendar", __name__, tag="Calendário")

_DOC: dict[int | str, Any] = {
    200: {"description": "A agenda", "content": {"text/calendar": {"schema": {"type": "string"}}}},
    404: {"description": "Nenhuma agenda com este token"},
}
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": ""})
# Brazil has had no summer time since 2019; a calendar program must be told the zone all the same.
_ZONE = (
    "BEGIN:VTIMEZONE", "TZID:America/Sao_Paulo", "BEGIN:STANDARD", "DTSTART:20190217T000000",
    "TZOFFSETFROM:-0300", "TZOFFSETTO:-0300", "TZNAME:-03", "END:STANDARD", "END:VTIMEZONE",
)  # fmt: skip


class CalendarToken(BaseModel):
    """The token of a feed, shown this once, and the path of the feed."""

    token: str
    path: str


class CalendarQuery(BaseModel):
    """Whose feed."""

    token: str = Field(min_length=1, max_length=200)


@bp.post("/calendar")
@signed_in
@bp.output(CalendarToken, status_code=CREATED)
@bp.doc(security="bearer", summary="Abre a agenda a programas de calendário", responses=[401])
def open_calendar() -> Response:
    """Make a token for the caller's feed; the one before no longer works."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with db.engine.begin() as connection:
        preferences.set_calendar_token(connection, caller().user_id, _hash(token))
    data = {"token": token, "path": f"/calendar.ics?token={token}"}
    return web.answer("calendar", "Calendário aberto; guarde o endereço.", data, CREATED)


@bp.delete("/calendar")
@signed_in
@bp.doc(security="bearer", summary="Fecha a agenda a programas de calendário", responses=[401])
def close_calendar() -> Response:
    """Make the token of the caller's feed void."""
    with db.engine.begin() as connection:
        preferences.set_calendar_token(connection, caller().user_id, None)
    return web.answer("calendar", "Calendário fechado.")


@bp.get("/calendar.ics")
@bp.input(CalendarQuery, location="query")
@bp.doc(summary="A agenda em formato iCalendar", responses=_DOC)
def feed(query_data: CalendarQuery) -> Response:
    """Answer the jobs of whom the token belongs to, from a month ago on."""
    now = utc_now()
    with db.engine.connect() as connection:
        jobs = reports.calendar_jobs(connection, _hash(query_data.token), now - PAST)
    if jobs is None:
        raise web.stop(NOT_FOUND, "Calendário não encontrado: o endereço foi trocado ou fechado.")
    text = "".join(f"{_fold(line)}\r\n" for line in _calendar(jobs, now))
    return Response(text, content_type="text/calendar; charset=utf-8")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _calendar(jobs: Iterable[Row[Any]], now: datetime) -> Iterator[str]:
    yield from ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//agendador-de-consulta-cnpj//PT")
    yield from ("NAME:Consultas de CNPJ", "X-WR-CALNAME:Consultas de CNPJ", *_ZONE)
    for job in jobs:
        yield from _event(job, now)
    yield "END:VCALENDAR"


def _event(job: Row[Any], now: datetime) -> Iterator[str]:
    summary = f"{job.title} ({format_cnpj(job.cpf_cnpj)})"
    yield from (
        "BEGIN:VEVENT",
        f"UID:consulta-{job.id}@agendador-de-consulta-cnpj",
        f"DTSTAMP:{now:%Y%m%dT%H%M%SZ}",
        f"DTSTART;TZID=America/Sao_Paulo:{job.date.astimezone(SAO_PAULO):%Y%m%dT%H%M%S}",
        f"DURATION:PT{SHOWN_MINUTES}M",
        f"SUMMARY:{summary.translate(_ESCAPES)}",
    )
    if job.description:
        yield f"DESCRIPTION:{job.description.translate(_ESCAPES)}"
    if job.recurrence and job.next_run_at is not None:
        yield f"RRULE:{recurrence.as_feed(job.recurrence)}"
    yield from ("TRANSP:TRANSPARENT", "END:VEVENT")


def _fold(line: str) -> str:
    """Return a line as lines of 75 octets at most, no character being cut (RFC 5545, 3.1)."""
    parts, part, octets = [], "", 0
    for character in line:
        width = len(character.encode())
        # What follows the first begins with a space.
        if octets + width > LINE_OCTETS:
            parts.append(part)
            part, octets = " ", 1
        part += character
        octets += width
    return "\r\n".join([*parts, part])
