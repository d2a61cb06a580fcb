"""How moments are written in pages; beside `core.words`, these are the templates' filters."""

from datetime import date, datetime, timedelta
from typing import Any

from apiflask import APIFlask

from core import words
from core.clock import SAO_PAULO, utc_now

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_SECOND_MS = 1_000
_MINUTE_MS = 60_000
_SWAP = str.maketrans(",.", ".,")


def configure(app: APIFlask) -> None:
    """Give the templates the filters and words."""
    shared = (words.document, words.day, words.money)
    for function in (*shared, moment, clock, near_day, long_day, duration, iso, ago):
        app.add_template_filter(function)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def today() -> date:
    """Return the day that it is in São Paulo."""
    return utc_now().astimezone(SAO_PAULO).date()


def local(value: str | datetime) -> datetime:
    """Return an API's moment in São Paulo time."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.astimezone(SAO_PAULO)


def moment(value: str | None, *, seconds: bool = False) -> str:
    """Return a moment as `24/11/2026 às 08:00`, with seconds if asked; nothing for none."""
    clock_form = "%H:%M:%S" if seconds else "%H:%M"
    return local(value).strftime(f"%d/%m/%Y às {clock_form}") if value else ""


def clock(value: str | None) -> str:
    """Return the time of a moment, `08:00`; nothing for none."""
    return local(value).strftime("%H:%M") if value else ""


def ago(value: str) -> str:
    """Return how long ago a moment was, in one unit: `há 5 s`, `há 3 min`, `há 4 dias`."""
    seconds = max(int((utc_now() - local(value)).total_seconds()), 0)
    for size, unit in ((_DAY_S, "dias"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size:
            count = seconds // size
            return f"há {count} {'dia' if unit == 'dias' and count == 1 else unit}"
    return f"há {seconds} s"


def iso(value: str | None) -> str:
    """Return a moment as the `datetime` of a `time` element."""
    return local(value).isoformat(timespec="seconds") if value else ""


def near_day(value: str | date) -> str:
    """Return a day as people say it: `hoje`, `amanhã`, `ontem`, or with its date."""
    at = value if isinstance(value, date) and not isinstance(value, datetime) else None
    at = at or local(value).date()  # type: ignore[arg-type]
    names = {0: "hoje", 1: "amanhã", -1: "ontem"}
    return names.get((at - today()) // timedelta(days=1), at.strftime("%d/%m/%Y"))


def long_day(at: date) -> str:
    """Return a day as `terça-feira, 24 de novembro de 2026`."""
    ordinal = "1º" if at.day == 1 else str(at.day)
    return f"{words.WEEKDAYS[at.weekday()]}, {ordinal} de {words.MONTHS[at.month - 1]} de {at.year}"


def duration(milliseconds: Any) -> str:
    """Return a duration as `850 ms`, `2,4 s` or `3 min 05 s`; nothing for none."""
    if milliseconds is None:
        return ""
    if milliseconds < _SECOND_MS:
        return f"{milliseconds:.0f} ms"
    if milliseconds < _MINUTE_MS:
        return f"{milliseconds / _SECOND_MS:.1f} s".translate(_SWAP)
    minutes, rest = divmod(round(milliseconds / _SECOND_MS), 60)
    return f"{minutes} min {rest:02d} s"
