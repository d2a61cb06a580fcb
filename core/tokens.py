"""Bearer tokens (RFC 6750): how a service checks them and what a view learns from them.

Only `users` signs tokens (EdDSA); every service verifies them with the public keys.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar

import jwt
from apiflask import HTTPError
from flask import Flask, Response, current_app, g, request
from flask_jwt_extended import JWTManager, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException

from core.groups import GROUP_ADMIN
from core.settings import TokenSettings
from core.web import refuse, stop

ALGORITHM = "EdDSA"
ACCESS, REFRESH = "access", "refresh"
REQUIRED = ("exp", "jti", "sub", "email", "group", "type")

UNAUTHORIZED = 401
UNAVAILABLE = 503
EXTENSION = "tokens"
# A process remembers so many verified tokens: of more people than it serves in their lifetime.
MAX_KNOWN = 10_000

# Returns the public key for a `kid`; raises jwt.InvalidTokenError for an unknown one and
# KeysUnavailableError when the keys cannot be had now.
KeyFinder = Callable[[str], Any]
Claims = Mapping[str, Any]

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
    return _guarded(view, ACCESS)


def with_refresh_token(view: View) -> View:
    """Let only requests with a valid refresh token reach `view`."""
    return _guarded(view, REFRESH)


def with_any_token(view: View) -> View:
    """Let only requests with a valid access or refresh token reach `view`."""
    return _guarded(view, ACCESS, REFRESH)


def _guarded(view: View, *kinds: str) -> View:
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        g.claims = _presented(kinds)
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]


def claims() -> Claims:
    """Return what the token of the present request says; RuntimeError where none was asked for."""
    known: Claims | None = g.get("claims")
    if known is None:
        raise RuntimeError("the view asks for no token")
    return known


def caller() -> Caller:
    """Return who makes the present request; RuntimeError where no token was asked for."""
    said = claims()
    return Caller(user_id=said["sub"], email=said["email"], group=said["group"])


@dataclass(frozen=True)
class _Verified:
    claims: Claims
    kid: str
    key: Any


class Verifier:
    """Verifies tokens as the app is configured to; safe from any thread, within the app's context.

    A signature that was found good is remembered, because computing it takes longer than many a
    view. What may change meanwhile is looked at each time: the clock, and whether the key is
    published yet.
    """

    def __init__(self, find_key: KeyFinder) -> None:
        self._find_key = find_key
        self._lock = threading.Lock()
        self._known: dict[bytes, _Verified] = {}

    def claims(self, token: str) -> Claims:
        """Return what a token says; raises jwt.InvalidTokenError, KeysUnavailableError."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None or self._find_key(known.kid) != known.key:
            known = self._verify(token)
            self._remember(digest, known)
        if known.claims["exp"] <= time.time():
            raise jwt.ExpiredSignatureError
        return known.claims

    def _verify(self, token: str) -> _Verified:
        kid = str(jwt.get_unverified_header(token).get("kid", ""))
        key = self._find_key(kid)
        try:
            said = decode_token(token)
        except JWTExtendedException as exc:
            raise jwt.InvalidTokenError(str(exc)) from exc
        for name in REQUIRED:
            if said.get(name) is None:
                raise jwt.MissingRequiredClaimError(name)
        return _Verified(said, kid, key)

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        with self._lock:
            while len(self._known) >= MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[digest] = verified


def configure(app: Flask, settings: TokenSettings, find_key: KeyFinder) -> None:
    """Make `app` accept bearer tokens that `users` signed for this audience, and nothing else."""
    app.config.update(
        JWT_ALGORITHM=ALGORITHM,
        JWT_DECODE_ALGORITHMS=[ALGORITHM],
        JWT_DECODE_ISSUER=settings.token_issuer,
        JWT_DECODE_AUDIENCE=settings.token_audience,
        # flask-jwt-extended wants a key to be configured even though the loader gives it.
        JWT_PUBLIC_KEY="see decode_key_loader",
    )
    manager = JWTManager(app)
    app.extensions[EXTENSION] = Verifier(find_key)

    @manager.decode_key_loader
    def decode_key(header: dict[str, Any], _payload: dict[str, Any]) -> Any:
        return find_key(str(header.get("kid", "")))

    @app.errorhandler(KeysUnavailableError)
    def keys_unavailable(_error: KeysUnavailableError) -> Response:
        return refuse(UNAVAILABLE)


def _presented(kinds: tuple[str, ...]) -> Claims:
    """Return what the token of the request says; stops the request (401) without a good one."""
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("Envie o token de acesso no cabeçalho Authorization: Bearer.")
    verifier: Verifier = current_app.extensions[EXTENSION]
    try:
        said = verifier.claims(token.strip())
    except jwt.ExpiredSignatureError:
        raise _unauthorized("O token expirou. Renove-o ou entre de novo.") from None
    except jwt.InvalidTokenError:
        said = {}
    if said.get("type") not in kinds:
        raise _unauthorized("Token inválido. Entre de novo.")
    return said


def _unauthorized(message: str) -> HTTPError:
    error = stop(UNAUTHORIZED, message)
    error.headers = {"WWW-Authenticate": "Bearer"}
    return error
