"""A company: what is known of it, and how it changed from one consultation to the next."""

from apiflask import APIBlueprint
from flask import render_template
from flask.typing import ResponseReturnValue

from web import backends, sessions
from web.api import segment

bp = APIBlueprint("companies", __name__)


@bp.get("/empresas/<cnpj>")
def show(cnpj: str) -> ResponseReturnValue:
    """Show the latest data of a company and its history."""
    company = sessions.call(backends.agendador(), "GET", f"/companies/{segment(cnpj)}")
    return render_template("company_page.html", **company)
