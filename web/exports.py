"""What can be taken away: tables, and the agenda for calendar programs."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from flask.typing import ResponseReturnValue

from web import backends, sessions
from web.access import public
from web.agenda import chosen_filters

# With this separator a table opens by itself in a Brazilian spreadsheet program.
SEPARATOR = ";"

bp = APIBlueprint("exports", __name__)


@bp.get("/agenda/consultas.csv")
def jobs() -> ResponseReturnValue:
    """Give the jobs that the agenda's filters choose as a table."""
    query = chosen_filters()[1]
    query.pop("sort", None)
    return _table("/jobs.csv", query, "consultas.csv")


@bp.get("/resultados/resultados.csv")
def results() -> ResponseReturnValue:
    """Give the results as a table."""
    return _table("/results.csv", {}, "resultados.csv")


@bp.get("/calendario.ics")
@public
def calendar() -> ResponseReturnValue:
    """Give the feed to a calendar program, which shows its token instead of a log-in."""
    query = {"token": request.args.get("token", "")}
    kind, pieces = backends.agendador().stream("/calendar.ics", token=None, query=query)
    return Response(pieces, content_type=kind)


def _table(path: str, query: dict[str, Any], name: str) -> Response:
    kind, pieces = sessions.stream(
        backends.agendador(), path, query=query | {"separator": SEPARATOR}
    )
    response = Response(pieces, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
