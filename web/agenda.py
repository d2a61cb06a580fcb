"""The agenda: the person's jobs as a list."""

from typing import Any

from apiflask import APIBlueprint
from flask import render_template, request
from flask.typing import ResponseReturnValue

from web import backends, sessions

PER_PAGE = 20

bp = APIBlueprint("agenda", __name__, url_prefix="/agenda")


@bp.get("")
def show_list() -> ResponseReturnValue:
    """Show one page of the jobs."""
    page = request.args.get("pagina", 1, type=int)
    jobs: dict[str, Any] = sessions.call(
        backends.agendador(), "GET", "/jobs", query={"page": max(page, 1), "per_page": PER_PAGE}
    )
    return render_template("agenda_list.html", jobs=jobs)
