"""The first page: what this is, for whoever is not logged in; the overview for who is."""

from apiflask import APIBlueprint
from flask import render_template
from flask.typing import ResponseReturnValue

from web import overview, sessions
from web.access import public

bp = APIBlueprint("home", __name__)


@bp.get("/")
@public
def show() -> ResponseReturnValue:
    """Show what the product does, or the overview."""
    if sessions.person() is not None:
        return overview.show()
    return render_template("welcome.html")
