"""The results: every company that a consultation brought, newest first."""

from apiflask import APIBlueprint
from flask import render_template, request
from flask.typing import ResponseReturnValue

from web import backends, sessions

PER_PAGE = 20

bp = APIBlueprint("results", __name__)


@bp.get("/resultados")
def show_list() -> ResponseReturnValue:
    """Show one page of the results."""
    page = max(request.args.get("pagina", 1, type=int), 1)
    found = sessions.call(
        backends.agendador(), "GET", "/results", query={"page": page, "per_page": PER_PAGE + 1}
    )
    return render_template("results.html", results=found, page=page)
