"""What users prefer, and the link in their summaries that ends them (RFC 8058)."""

import uuid
from typing import Any

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BaseModel, StrictBool

from agendador.database import db
from core import web
from core.envelope import Envelope
from core.ledger import reports
from core.ledger.transitions import preferences
from core.tokens import caller, signed_in

OK, NOT_FOUND = 200, 404
DONE = "Pronto: você não receberá mais o resumo diário."
NO_SUCH_LINK = "Este endereço não vale mais."

bp = APIBlueprint("preferences", __name__, tag="Preferências")

_HTML = {"text/html": {"schema": {"type": "string"}}}
_PAGE_DOC: dict[int | str, Any] = {200: {"description": "A página", "content": _HTML}}
_ENVELOPE = {"application/json": {"schema": Envelope.model_json_schema()}}
_DONE_DOC: dict[int | str, Any] = {
    200: {"description": "Cancelado; uma página para navegadores", "content": _ENVELOPE | _HTML},
    404: {"description": "O endereço não vale mais", "content": _HTML},
}
_PAGE = """<!doctype html>
<html lang="pt-BR"><head><meta charset="utf-8"><title>Resumo diário</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem}}
button{{font:inherit;padding:.6rem 1.2rem}}</style></head>
<body><main><h1>Resumo diário</h1><p>{text}</p>{form}</main></body></html>
"""
# Programs that follow links of a mail must not unsubscribe anybody, so the page only asks.
_QUESTION = "Quer deixar de receber o resumo diário das suas consultas?"
_FORM = (
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    "<button>Cancelar o resumo</button></form>"
)


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
    return _page(_QUESTION, form=_FORM)


@bp.post("/unsubscribe")
@bp.input(UnsubscribeQuery, location="query")
@bp.doc(summary="Cancela o resumo diário com um clique (RFC 8058)", responses=_DONE_DOC)
def unsubscribe(query_data: UnsubscribeQuery) -> Response:
    """End the summaries of whom the link was mailed to; without signing in.

    Whoever pressed the page's button is answered a page.
    """
    with db.engine.begin() as connection:
        known = preferences.unsubscribe(connection, query_data.token)
    if _is_for_a_person():
        return _page(DONE if known else NO_SUCH_LINK, status=OK if known else NOT_FOUND)
    if not known:
        raise web.stop(NOT_FOUND, NO_SUCH_LINK)
    return web.answer("unsubscribe", DONE)


def _is_for_a_person() -> bool:
    kinds = ["application/json", "text/html"]
    return request.accept_mimetypes.best_match(kinds) == "text/html"


def _page(text: str, *, form: str = "", status: int = OK) -> Response:
    """Return a page; `text` and `form` are ours, nothing in them comes from the request."""
    body = _PAGE.format(text=text, form=form)
    response = Response(body, status, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
