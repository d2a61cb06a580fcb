"""Log-in, renewal, log-out, and the public keys."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, jsonify

from core import web
from core.tokens import claims, with_any_token, with_refresh_token
from users import accounts, limits
from users.schemas import CredentialsIn, Jwk, SessionOut, TokensOut
from users.services import services

JWKS_SECONDS = 300

_KEY_SET = {
    "type": "object",
    "required": ["keys"],
    "properties": {"keys": {"type": "array", "items": Jwk.model_json_schema()}},
}
_JWKS: dict[int | str, Any] = {
    200: {
        "description": "JWKS (RFC 7517)",
        "content": {"application/json": {"schema": _KEY_SET}},
    },
    503: {"description": "Service Unavailable"},
}

bp = APIBlueprint("auth", __name__, tag="Acesso")


@bp.post("/auth")
@bp.input(CredentialsIn)
@bp.output(SessionOut)
@bp.doc(summary="Entra com e-mail e senha", responses=[400, 401, 429, 503])
@limits.log_in_per_account
@limits.log_in_per_address
def sign_in(json_data: CredentialsIn) -> Response:
    """Answer the account with its tokens."""
    return _sign_in(json_data, admin=False)


@bp.post("/auth/admin")
@bp.input(CredentialsIn)
@bp.output(SessionOut)
@bp.doc(summary="Entra como administrador", responses=[400, 401, 403, 429, 503])
@limits.log_in_per_account
@limits.log_in_per_address
def sign_in_admin(json_data: CredentialsIn) -> Response:
    """Answer an administrator's account with its tokens."""
    return _sign_in(json_data, admin=True)


@bp.post("/auth/refresh")
@with_refresh_token
@bp.output(TokensOut)
@bp.doc(
    security="bearer", summary="Renova os tokens; cada refresh vale uma vez", responses=[401, 503]
)
def renew() -> Response:
    """Answer a new pair of tokens for the refresh token that came as bearer."""
    return web.answer("auth", "Tokens renovados.", services().sessions.renew(claims()))


@bp.post("/auth/logout")
@with_any_token
@bp.doc(security="bearer", summary="Encerra a sessão", responses=[401, 503])
def sign_out() -> Response:
    """End the session that the bearer token, of either type, belongs to."""
    services().sessions.end(claims())
    return web.answer("auth", "Sessão encerrada.")


@bp.get("/.well-known/jwks.json")
@bp.doc(summary="As chaves públicas que conferem os tokens", responses=_JWKS)
def jwks() -> Response:
    """Answer the JSON Web Key Set."""
    response = jsonify(services().keys.jwks())
    response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
    return response


def _sign_in(credentials: CredentialsIn, *, admin: bool) -> Response:
    account = accounts.sign_in(
        services().store, credentials.email, credentials.password, admin=admin
    )
    pair = services().sessions.begin(account)
    return web.answer("auth", "Bem-vindo.", accounts.shown(account) | pair)
