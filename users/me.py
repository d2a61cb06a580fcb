"""One's own account."""

from apiflask import APIBlueprint
from flask import Response

from core import web
from core.tokens import claims, signed_in
from users import accounts, limits
from users.access import own_account
from users.schemas import AccountOut, OwnChanges, PasswordChange
from users.services import services

bp = APIBlueprint("me", __name__, tag="Minha conta")


@bp.get("/me")
@signed_in
@bp.output(AccountOut)
@bp.doc(security="bearer", summary="Mostra a própria conta", responses=[401, 503])
def show() -> Response:
    """Answer the caller's account."""
    return web.answer("me", "Sua conta.", accounts.shown(own_account()))


@bp.patch("/me")
@signed_in
@bp.input(OwnChanges)
@bp.output(AccountOut)
@bp.doc(
    security="bearer",
    summary="Altera a própria conta; outro e-mail pede a senha atual",
    responses=[400, 401, 429, 503],
)
@limits.own_password
def change(json_data: OwnChanges) -> Response:
    """Change the caller's account."""
    made = services()
    account = accounts.change_own(
        made.store, made.outbox, own_account(), json_data.changes(), json_data.current_password
    )
    return web.answer("me", "Conta alterada.", accounts.shown(account))


@bp.delete("/me")
@signed_in
@bp.doc(security="bearer", summary="Apaga a própria conta", responses=[401, 503])
def erase() -> Response:
    """Erase the caller's account; whatever it has scheduled is cancelled soon after."""
    made = services()
    accounts.erase(made.store, made.outbox, own_account())
    return web.answer("me", "Conta apagada.")


@bp.post("/me/password")
@signed_in
@bp.input(PasswordChange)
@bp.doc(
    security="bearer",
    summary="Troca a senha e encerra as outras sessões",
    responses=[400, 401, 429, 503],
)
@limits.own_password
def change_password(json_data: PasswordChange) -> Response:
    """Change the caller's password."""
    made = services()
    accounts.change_password(
        made.store,
        made.outbox,
        own_account(),
        json_data.current_password,
        json_data.password,
        family=claims()["family"],
    )
    return web.answer("me", "Senha trocada.")
