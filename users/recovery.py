"""A new password for who forgot it, by a link that is mailed."""

from apiflask import APIBlueprint
from flask import Response

from core import web
from users import accounts, limits
from users.outbox import RESET
from users.schemas import ForgotIn, ResetIn
from users.services import services

bp = APIBlueprint("recovery", __name__, tag="Senha esquecida")


@bp.post("/auth/forgot")
@bp.input(ForgotIn)
@bp.doc(summary="Pede por e-mail um link para criar outra senha", responses=[400, 429, 503])
@limits.forgot_per_account
@limits.forgot_per_address
def forgot(json_data: ForgotIn) -> Response:
    """Have a link mailed; the answer does not tell whether there is such an account."""
    services().outbox.put(RESET, json_data.email)
    return web.answer(
        "auth", "Se houver uma conta com este e-mail, enviaremos um link para criar outra senha."
    )


@bp.post("/auth/reset")
@bp.input(ResetIn)
@bp.doc(summary="Cria outra senha com o token do link", responses=[400, 429, 503])
@limits.reset
def reset(json_data: ResetIn) -> Response:
    """Set the password and end all sessions of the account."""
    made = services()
    accounts.reset_password(made.store, made.outbox, json_data.token, json_data.password)
    return web.answer("auth", "Senha trocada. Entre com a nova senha.")
