"""Who is logged in: tokens in cookies that no script can read, renewed silently.

Each refresh token works once, and a second use revokes its whole family. Requests of one browser
that arrive together therefore share one renewal, here in the process: pages are served by one
process of several threads. With several processes or machines, a balancer has to send one browser
always to the same.
"""

import base64
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from apiflask import APIFlask
from flask import Response, current_app, g, request, session

from core.groups import GROUP_ADMIN
from web.api import Api
from web.errors import UnauthorizedError

COOKIE_SECONDS = 30 * 24 * 3_600
RENEW_BEFORE_SECONDS = 20
# How long a browser may go on sending the token that it had before.
REMEMBER_RENEWAL_SECONDS = 60
RENEWAL_TIMEOUT_SECONDS = 15
EXTENSION = "renewals"


@dataclass(frozen=True)
class Tokens:
    """The access token and the token that renews it."""

    access: str
    refresh: str


@dataclass(frozen=True)
class Person:
    """Who looks at the page, as their access token says.

    The token is not verified here: it only decides what to show, and the APIs verify each call.
    """

    email: str
    name: str
    is_admin: bool


class Renewals:
    """Exchanges each refresh token once, however many requests bring it at the same time."""

    def __init__(self, exchange: Callable[[str], Tokens]) -> None:
        self._exchange = exchange
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[float, Future[Tokens]]] = OrderedDict()

    def renew(self, refresh: str) -> Tokens:
        """Return the tokens that follow this one; raises what the exchange raised."""
        key = hashlib.sha256(refresh.encode()).hexdigest()
        with self._lock:
            self._forget_old()
            is_first = key not in self._known
            if is_first:
                self._known[key] = (time.monotonic() + REMEMBER_RENEWAL_SECONDS, Future())
            future = self._known[key][1]
        if is_first:
            self._settle(key, future, refresh)
        return future.result(RENEWAL_TIMEOUT_SECONDS)

    def _settle(self, key: str, future: Future[Tokens], refresh: str) -> None:
        try:
            future.set_result(self._exchange(refresh))
        except BaseException as exc:
            future.set_exception(exc)
            with self._lock:
                self._known.pop(key, None)
            raise

    def _forget_old(self) -> None:
        now = time.monotonic()
        while self._known and next(iter(self._known.values()))[0] < now:
            self._known.popitem(last=False)


def configure(app: APIFlask, users: Api) -> None:
    """Give `app` the cookies of tokens."""

    def exchange(refresh: str) -> Tokens:
        return _tokens(users.call("POST", "/auth/refresh", token=refresh))

    app.extensions[EXTENSION] = Renewals(exchange)
    app.config["PERMANENT_SESSION_LIFETIME"] = COOKIE_SECONDS

    @app.after_request
    def keep(response: Response) -> Response:
        if "tokens" in g:
            _write_cookies(response, g.tokens)
        return response


def begin(account: dict[str, Any]) -> None:
    """Log in whom `users` answered with; what the session held before is dropped."""
    session.clear()
    session.permanent = True
    session["name"] = account["full_name"]
    g.tokens = _tokens(account)


def end() -> None:
    """Forget who is logged in."""
    session.clear()
    g.tokens = None


def person() -> Person | None:
    """Return who looks at the page; None when nobody is logged in."""
    tokens = _known_tokens()
    claims = _claims(tokens.access) if tokens else None
    if claims is None:
        return None
    email = str(claims.get("email", ""))
    return Person(
        email=email,
        name=session.get("name") or email,
        is_admin=claims.get("group") == GROUP_ADMIN,
    )


def call(api: Api, method: str, path: str, **how: Any) -> Any:
    """Call an API as the person who looks at the page; see `Api.call`.

    A token that expired, or is about to, is renewed first; one that is refused is renewed once.
    Raises UnauthorizedError when there is none to renew.
    """
    try:
        return api.call(method, path, token=access_token(), **how)
    except UnauthorizedError:
        if g.get("renewed"):
            raise
        return api.call(method, path, token=_renew().access, **how)


def stream(api: Api, path: str, query: Mapping[str, Any]) -> tuple[str, Iterator[bytes]]:
    """Have an answer of an API piece by piece, as the person; see `Api.stream` and `call`."""
    try:
        return api.stream(path, token=access_token(), query=query)
    except UnauthorizedError:
        if g.get("renewed"):
            raise
        return api.stream(path, token=_renew().access, query=query)


def access_token() -> str:
    """Return a token that is good for a while; raises UnauthorizedError when there is none."""
    tokens = _known_tokens()
    if tokens is None:
        raise UnauthorizedError("nobody is logged in")
    claims = _claims(tokens.access)
    if claims is None or claims.get("exp", 0) - time.time() < RENEW_BEFORE_SECONDS:
        return _renew().access
    return tokens.access


def _renew() -> Tokens:
    tokens = _known_tokens()
    if tokens is None:
        raise UnauthorizedError("nobody is logged in")
    renewals: Renewals = current_app.extensions[EXTENSION]
    g.renewed = True
    g.tokens = renewals.renew(tokens.refresh)
    new: Tokens = g.tokens
    return new


def refresh_token() -> str | None:
    """Return the token that renews, to revoke it; None when nobody is logged in."""
    tokens = _known_tokens()
    return tokens.refresh if tokens else None


def _known_tokens() -> Tokens | None:
    if "tokens" in g:
        known: Tokens | None = g.tokens
        return known
    refresh = request.cookies.get(_cookie("refresh"))
    if not refresh:
        return None
    return Tokens(access=request.cookies.get(_cookie("access"), ""), refresh=refresh)


def _write_cookies(response: Response, tokens: Tokens | None) -> None:
    for name in ("access", "refresh"):
        response.set_cookie(
            _cookie(name),
            getattr(tokens, name) if tokens else "",
            max_age=COOKIE_SECONDS if tokens else 0,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )


def _cookie(name: str) -> str:
    # A browser takes a __Host- cookie only from this host, by HTTPS (RFC 6265bis).
    return f"__Host-{name}" if request.is_secure else name


def _tokens(data: dict[str, Any]) -> Tokens:
    return Tokens(access=data["token"], refresh=data["refresh"])


# A page asks three times; what a token says does not change.
@lru_cache(maxsize=1_000)
def _claims(token: str) -> Mapping[str, Any] | None:
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) and isinstance(claims.get("exp"), int) else None
