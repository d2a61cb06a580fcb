"""What the caller has here as a whole."""

from apiflask import APIBlueprint
from flask import Response

from agendador.database import db
from core import web
from core.ledger.transitions.leaving import end_all
from core.tokens import caller, signed_in

bp = APIBlueprint("me", __name__, tag="Minha conta")


@bp.delete("/me")
@signed_in
@bp.doc(
    security="bearer",
    summary="Cancela todas as próprias consultas e os avisos por e-mail",
    responses=[401],
)
def leave() -> Response:
    """End all that the caller has scheduled; `users` asks for it when an account is erased."""
    with db.engine.begin() as connection:
        end_all(connection, caller().user_id)
    return web.answer("me", "Suas consultas foram canceladas e os avisos, encerrados.")
