"""The overview: the day, what comes next, what failed, what changed, and two weeks as a chart."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import render_template

from core.clock import utc_now
from web import backends, formats, sessions

DAYS = 14
NEXT = 5
FAILURES = 5
TODAY = 5
RESULTS = 100
ONE_WEEK = timedelta(days=7)

# The chart, in the units of its picture.
WIDTH, HEIGHT, FLOOR = 700, 200, 24
BAR = 28
# The parts of a bar, from the floor up.
OUTCOMES = (
    ("processed", "Concluídas", "good"),
    ("error", "Com erro", "bad"),
    ("cancelled", "Canceladas", "warn"),
    ("open", "Em aberto", "calm"),
)


@dataclass(frozen=True)
class Part:
    """A part of a bar: its tone, and its box in the picture."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day of the chart."""

    day: date
    middle: float
    total: int
    counts: dict[str, int]
    parts: tuple[Part, ...]


def show() -> str:
    """Return the overview of the person who looks at it."""
    now = utc_now()
    day = formats.today().isoformat()
    today = _jobs({"from": day, "to": day, "sort": "date", "per_page": TODAY})
    upcoming = _jobs(
        {"status": "created", "from": now.isoformat(), "sort": "date", "per_page": NEXT}
    )
    failed = _jobs({"status": "error", "sort": "-date", "per_page": FAILURES})
    stats = _call("/stats", {"days": DAYS})
    results = _call("/results", {"per_page": RESULTS})
    return render_template(
        "overview.html",
        today=today,
        upcoming=upcoming,
        failed=failed,
        changed=[result for result in results if _is_news(result, now)],
        stats=stats,
        bars=chart(stats["by_day"], formats.today()),
        outcomes=OUTCOMES,
        size=(WIDTH, HEIGHT, FLOOR),
    )


def chart(by_day: list[dict[str, Any]], last: date) -> list[Bar]:
    """Return the bars of the days up to the last one; a day without runs has no parts."""
    known = {date.fromisoformat(one["day"]): one for one in by_day}
    days = [last - timedelta(days=back) for back in reversed(range(DAYS))]
    counts = [{code: int(known.get(day, {}).get(code, 0)) for code, *_ in OUTCOMES} for day in days]
    highest = max((sum(one.values()) for one in counts), default=0) or 1
    return [
        _bar(day, number, one, highest)
        for number, (day, one) in enumerate(zip(days, counts, strict=True))
    ]


def _bar(day: date, number: int, counts: dict[str, int], highest: int) -> Bar:
    room = WIDTH / DAYS
    left = room * number + (room - BAR) / 2
    unit = (HEIGHT - 2 * FLOOR) / highest
    floor = float(HEIGHT - FLOOR)
    parts = []
    for code, _, tone in OUTCOMES:
        if counts[code]:
            floor -= counts[code] * unit
            parts.append(
                Part(tone, round(left, 1), round(floor, 1), BAR, round(counts[code] * unit, 1))
            )
    return Bar(day, round(left + BAR / 2, 1), sum(counts.values()), counts, tuple(parts))


def _is_news(result: dict[str, Any], now: datetime) -> bool:
    return bool(result["changes"]) and now - formats.local(result["created"]) <= ONE_WEEK


def _jobs(query: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _call("/jobs", query)
    return found


def _call(path: str, query: dict[str, Any]) -> Any:
    return sessions.call(backends.agendador(), "GET", path, query=query)
