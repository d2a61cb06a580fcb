"""The first page: what this is, for whoever is not logged in; the overview for who is."""

from apiflask import APIBlueprint
from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from web import sessions
from web.access import public

bp = APIBlueprint("home", __name__)


@bp.get("/")
@public
def show() -> ResponseReturnValue:
    """Show what the product does, or go to the agenda."""
    if sessions.person() is not None:
        return redirect(url_for("agenda.show_list"))
    return render_template("welcome.html")
