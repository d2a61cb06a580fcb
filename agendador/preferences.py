"""What users prefer, and the link in their summaries that ends them (RFC 8058)."""

import uuid
from typing import Any

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, StrictBool

from agendador.database import db
from core import web
from core.ledger import reports
from core.ledger.transitions import preferences
from core.tokens import caller, signed_in

NOT_FOUND = 404
NO_SUCH_LINK = "Este endereço não vale mais."

bp = APIBlueprint("preferences", __name__, tag="Preferências")

_PAGE_DOC: dict[int | str, Any] = {
    200: {"description": "A página", "content": {"text/html": {"schema": {"type": "string"}}}}
}
# Programs that follow links of a mail must not unsubscribe anybody, so the page only asks.
_PAGE = """<!doctype html>
<html lang="pt-BR"><head><meta charset="utf-8"><title>Resumo diário</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}
button{font:inherit;padding:.6rem 1.2rem}</style></head>
<body><h1>Resumo diário</h1><p>Quer deixar de receber o resumo diário das suas consultas?</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">
<button>Cancelar o resumo</button></form></body></html>
"""


class Preferences(BaseModel):
    """Whether the daily summary is wanted."""

    summary: StrictBool


class UnsubscribeQuery(BaseModel):
    """Whose summary, as the link in their mail says."""

    token: uuid.UUID


@bp.get("/preferences")
@signed_in
@bp.output(Preferences)
@bp.doc(security="bearer", summary="Mostra as suas preferências", responses=[401])
def read_preferences() -> Response:
    """Answer what the caller prefers."""
    with db.engine.connect() as connection:
        known = reports.preference(connection, caller().user_id)
    data = {"summary": known is None or known.summary}
    return web.answer("preferences", "Suas preferências.", data)


@bp.put("/preferences")
@signed_in
@bp.input(Preferences)
@bp.output(Preferences)
@bp.doc(security="bearer", summary="Altera as suas preferências", responses=[400, 401])
def set_preferences(json_data: Preferences) -> Response:
    """Note what the caller prefers."""
    with db.engine.begin() as connection:
        preferences.set_summary(connection, caller().user_id, wanted=json_data.summary)
    return web.answer("preferences", "Preferências alteradas.", json_data.model_dump())


@bp.get("/unsubscribe")
@bp.input(UnsubscribeQuery, location="query")
@bp.doc(summary="Página que cancela o resumo diário", responses=_PAGE_DOC)
def ask_to_unsubscribe(query_data: UnsubscribeQuery) -> Response:  # noqa: ARG001 checked when posted
    """Answer a page with a button."""
    response = Response(_PAGE, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.post("/unsubscribe")
@bp.input(UnsubscribeQuery, location="query")
@bp.doc(summary="Cancela o resumo diário com um clique (RFC 8058)", responses=[404])
def unsubscribe(query_data: UnsubscribeQuery) -> Response:
    """End the summaries of whom the link was mailed to; without signing in."""
    with db.engine.begin() as connection:
        if not preferences.unsubscribe(connection, query_data.token):
            raise web.stop(NOT_FOUND, NO_SUCH_LINK)
    return web.answer("unsubscribe", "Pronto: você não receberá mais o resumo diário.")
