"""Bearer tokens (RFC 6750): how a service checks them and what a view learns from them.

Only `users` signs tokens (EdDSA); every service verifies them with the public keys.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask, Response
from flask_jwt_extended import JWTManager, get_jwt, jwt_required

from core.groups import GROUP_ADMIN
from core.settings import TokenSettings
from core.web import refuse

ALGORITHM = "EdDSA"

UNAUTHORIZED = 401
UNAVAILABLE = 503

# Returns the public key for a `kid`; raises jwt.InvalidTokenError for an unknown one and
# KeysUnavailableError when the keys cannot be had now.
KeyFinder = Callable[[str], Any]


View = TypeVar("View", bound=Callable[..., Any])


class KeysUnavailableError(Exception):
    """The public keys cannot be fetched and none is cached."""


@dataclass(frozen=True)
class Caller:
    """Who makes the request, as the access token says."""

    user_id: str
    email: str
    group: str

    @property
    def is_admin(self) -> bool:
        """Tell whether the caller is an administrator."""
        return self.group == GROUP_ADMIN


def signed_in(view: View) -> View:
    """Let only requests with a valid access token reach `view`."""
    guarded: View = jwt_required()(view)
    return guarded


def with_refresh_token(view: View) -> View:
    """Let only requests with a valid refresh token reach `view`."""
    guarded: View = jwt_required(refresh=True)(view)
    return guarded


def with_any_token(view: View) -> View:
    """Let only requests with a valid access or refresh token reach `view`."""
    guarded: View = jwt_required(verify_type=False)(view)
    return guarded


def caller() -> Caller:
    """Return who makes the present request; only in a view with `@signed_in`."""
    claims = get_jwt()
    return Caller(user_id=claims["sub"], email=claims["email"], group=claims["group"])


def configure(app: Flask, settings: TokenSettings, find_key: KeyFinder) -> JWTManager:
    """Make `app` accept bearer tokens that `users` signed for this audience, and nothing else."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_ALGORITHMS=[ALGORITHM],
        JWT_ENCODE_ISSUER=settings.token_issuer,
        JWT_DECODE_ISSUER=settings.token_issuer,
        JWT_ENCODE_AUDIENCE=settings.token_audience,
        JWT_DECODE_AUDIENCE=settings.token_audience,
        JWT_TOKEN_LOCATION=["headers"],
        # flask-jwt-extended wants a key to be configured even though the loaders give it.
        JWT_PUBLIC_KEY="see decode_key_loader",
    )
    manager = JWTManager(app)

    @manager.decode_key_loader
    def decode_key(header: dict[str, Any], _payload: dict[str, Any]) -> Any:
        return find_key(str(header.get("kid", "")))

    @manager.unauthorized_loader
    def missing(_reason: str) -> Response:
        return _unauthorized("Envie o token de acesso no cabeçalho Authorization: Bearer.")

    @manager.invalid_token_loader
    def invalid(_reason: str) -> Response:
        return _unauthorized("Token inválido. Entre de novo.")

    @manager.expired_token_loader
    def expired(_header: dict[str, Any], _payload: dict[str, Any]) -> Response:
        return _unauthorized("O token expirou. Renove-o ou entre de novo.")

    @app.errorhandler(KeysUnavailableError)
    def keys_unavailable(_error: KeysUnavailableError) -> Response:
        return refuse(UNAVAILABLE)

    return manager


def _unauthorized(message: str) -> Response:
    response = refuse(UNAUTHORIZED, message)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response
