"""Which pages are open: all others ask for a log-in first."""

from collections.abc import Callable
from typing import Any, TypeVar

from apiflask import APIFlask
from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue

from web import sessions
from web.errors import UnauthorizedError

V = TypeVar("V", bound=Callable[..., Any])

_HEALTH = frozenset({"healthz", "readyz", "metrics"})
FORBIDDEN = 403


def public(view: V) -> V:
    """Mark a view that nobody has to log in for."""
    view.public = True  # type: ignore[attr-defined]
    return view


def configure(app: APIFlask) -> None:
    """Ask for a log-in before every page that is not public, and come back to it afterwards."""

    @app.before_request
    def require_login() -> None:
        if request.endpoint is not None and not is_public(request.endpoint):
            sessions.access_token()

    @app.errorhandler(UnauthorizedError)
    def log_in(_error: UnauthorizedError) -> ResponseReturnValue:
        sessions.end()
        return redirect(url_for("accounts.log_in", next=_here()))


def is_public(endpoint: str) -> bool:
    """Tell whether a view is open to everybody."""
    return endpoint in _HEALTH or hasattr(current_app.view_functions[endpoint], "public")


def require_admin() -> None:
    """Stop with 403 unless an administrator looks at the page."""
    person = sessions.person()
    if person is None or not person.is_admin:
        abort(FORBIDDEN)


def _here() -> str | None:
    """Return the address to come back to: that of a page, not of an action."""
    rule = request.url_rule
    if rule is None or not rule.methods or "GET" not in rule.methods:
        return None
    return request.full_path.removesuffix("?")
