"""Log-in, renewal, log-out, and the public keys."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify
from flask_jwt_extended import get_jwt

from core import web
from core.tokens import signed_in, with_any_token, with_refresh_token
from users import accounts
from users.errors import BadCredentialsError, NotAdminError, RefreshRefusedError
from users.schemas import AccountOut, CredentialsIn, SessionOut, TokensOut
from users.services import services

JWKS_SECONDS = 300

bp = APIBlueprint("auth", __name__, tag="Acesso")


@bp.post("/auth")
@bp.input(CredentialsIn)
@bp.output(SessionOut)
@bp.doc(summary="Entra com e-mail e senha", responses=[400, 401])
def sign_in(json_data: CredentialsIn) -> Response:
    """Answer the account with its tokens."""
    return _sign_in(json_data, admin=False)


@bp.post("/auth/admin")
@bp.input(CredentialsIn)
@bp.output(SessionOut)
@bp.doc(summary="Entra como administrador", responses=[400, 401, 403])
def sign_in_admin(json_data: CredentialsIn) -> Response:
    """Answer an administrator's account with its tokens."""
    return _sign_in(json_data, admin=True)


@bp.post("/auth/refresh")
@with_refresh_token
@bp.output(TokensOut)
@bp.doc(security="bearer", summary="Renova os tokens; cada refresh vale uma vez", responses=[401])
def renew() -> Response:
    """Answer a new pair of tokens for the refresh token that came as bearer."""
    try:
        pair = services().sessions.renew(_claims())
    except RefreshRefusedError as exc:
        raise web.stop(401, "A sessão terminou. Entre de novo.") from exc
    return web.answer("auth", "Tokens renovados.", pair)


@bp.post("/auth/logout")
@with_any_token
@bp.doc(security="bearer", summary="Encerra a sessão", responses=[401])
def sign_out() -> Response:
    """End the session that the bearer token, of either type, belongs to."""
    services().sessions.end(_claims())
    return web.answer("auth", "Sessão encerrada.")


@bp.get("/.well-known/jwks.json")
@bp.doc(summary="As chaves públicas que conferem os tokens")
def jwks() -> Response:
    """Answer the JSON Web Key Set (RFC 7517)."""
    response = jsonify(services().keys.jwks())
    response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
    return response


@bp.get("/me")
@signed_in
@bp.output(AccountOut)
@bp.doc(security="bearer", summary="A própria conta", responses=[401, 404])
def me() -> Response:
    """Answer the caller's account."""
    account = services().store.find_account(_claims()["sub"])
    if account is None:
        raise web.stop(404, "Conta não encontrada.")
    return web.answer("me", "Sua conta.", accounts.shown(account))


def _sign_in(credentials: CredentialsIn, *, admin: bool) -> Response:
    store = services().store
    try:
        account = accounts.sign_in(store, credentials.email, credentials.password, admin=admin)
    except BadCredentialsError as exc:
        raise web.stop(401, "E-mail ou senha incorretos.") from exc
    except NotAdminError as exc:
        raise web.stop(403, "Esta conta não é de administrador.") from exc
    return web.answer("auth", "Bem-vindo.", account | services().sessions.begin(account))


def _claims() -> dict[str, Any]:
    claims: dict[str, Any] = get_jwt()
    return claims
