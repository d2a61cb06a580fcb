"""What a browser is told about every page, and which addresses one may be sent back to."""

from urllib.parse import urlsplit

from apiflask import APIFlask
from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface

# No inline script or style, nothing from elsewhere, in no frame (CSP level 3).
_DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # the style sheet's own small pictures are data
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
_HEADERS = {
    "Content-Security-Policy": "; ".join(map(" ".join, _DIRECTIVES.items())),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TWO_YEARS_SECONDS = 63_072_000


class _SessionCookie(SecureCookieSessionInterface):
    """The session's cookie, which never leaves HTTPS once it came by it."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 the signature is Flask's
        return request.is_secure


def configure(app: APIFlask) -> None:
    """Send the headers with every answer, and make the session's cookie a careful one."""
    app.session_interface = _SessionCookie()
    app.config.update(SESSION_COOKIE_NAME="pagina", SESSION_COOKIE_SAMESITE="Lax")

    @app.after_request
    def protect(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS_SECONDS}"
        return response


def own_path(target: str | None, otherwise: str) -> str:
    """Return `target` if it is an address of ours, a path, else the other one.

    Browsers read two slashes, a slash and a backslash, or control characters as another site.
    """
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return otherwise
    if any(ord(character) <= ord(" ") or character == "\\" for character in target):
        return otherwise
    parts = urlsplit(target)
    return otherwise if parts.scheme or parts.netloc else target
