"""The agenda: the person's jobs as a list and as a calendar."""

from collections import defaultdict
from datetime import MAXYEAR, date
from typing import Any

from apiflask import APIBlueprint
from flask import render_template, request
from flask.typing import ResponseReturnValue

from web import backends, formats, periods, sessions
from web.periods import Period
from web.pieces import Fixed

PER_PAGE = 20
# A calendar shows at most this many jobs; a period that has more says so.
CALENDAR_PAGES = 5
CALENDAR_PER_PAGE = 100
FIRST_YEAR = 2000

# How the filters are called in the address, and how the API calls them.
_FILTERS = {
    "busca": "q",
    "situacao": "status",
    "prioridade": "priority",
    "de": "from",
    "ate": "to",
    "ordem": "sort",
    "importacao": "import_id",
}

bp = APIBlueprint("agenda", __name__, url_prefix="/agenda")


@bp.get("")
def show_list() -> ResponseReturnValue:
    """Show one page of the jobs that the filters choose."""
    chosen, query = chosen_filters()
    page = max(request.args.get("pagina", 1, type=int), 1)
    jobs = _jobs(query | {"page": page, "per_page": PER_PAGE})
    return render_template("agenda_list.html", jobs=jobs, chosen=chosen)


def chosen_filters() -> tuple[dict[str, str], dict[str, Any]]:
    """Return the filters of the address by their own names, and as the API takes them."""
    given = request.args
    chosen = {name: text for name in _FILTERS if (text := given.get(name, "").strip())}
    return chosen, {_FILTERS[name]: text for name, text in chosen.items()}


@bp.get("/mes")
def show_month() -> ResponseReturnValue:
    """Show a month."""
    return _calendar(periods.month(_day()))


@bp.get("/semana")
def show_week() -> ResponseReturnValue:
    """Show a week."""
    return _calendar(periods.week(_day()))


@bp.get("/dia")
def show_day() -> ResponseReturnValue:
    """Show a day."""
    return _calendar(periods.one_day(_day()))


def _calendar(period: Period) -> str:
    days: defaultdict[date, list[Fixed]] = defaultdict(list)
    jobs, is_whole = _jobs_within(period)
    for job in jobs:
        days[formats.local(job["date"]).date()].append(Fixed(job))
    return render_template(
        "agenda_calendar.html",
        period=period,
        days={day: tuple(days[day]) for week in period.weeks for day in week},
        is_whole=is_whole,
        today=formats.today(),
    )


def _jobs_within(period: Period) -> tuple[list[Any], bool]:
    """Return the jobs of a period, earliest first, and whether these are all."""
    query = {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "sort": "date",
        "per_page": CALENDAR_PER_PAGE,
    }
    found: list[Any] = []
    for page in range(1, CALENDAR_PAGES + 1):
        answer = _jobs(query | {"page": page})
        found += answer["items"]
        if not answer["has_next"]:
            return found, True
    return found, False


def _jobs(query: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = sessions.call(backends.agendador(), "GET", "/jobs", query=query)
    return found


def _day() -> date:
    """Return the day that the address asks for; today without one that can be read."""
    try:
        day = date.fromisoformat(request.args.get("data", ""))
    except ValueError:
        return formats.today()
    return day if FIRST_YEAR <= day.year < MAXYEAR else formats.today()
