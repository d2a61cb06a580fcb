"""How often somebody may try: counted in MongoDB, so that all processes count together.

Of log-ins only the refused ones count: who knows the password is never in the way of a limit that
they did not reach before. What an e-mail is counted under is its digest.
"""

import atexit
import hashlib
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from apiflask import APIFlask
from flask import Response, current_app, request
from flask_limiter import Limiter, RateLimitExceeded
from limits.storage import MongoDBStorage

from core import web
from core.tokens import caller
from users.fields import typed_email
from users.settings import UsersSettings
from users.store import TIMEOUT_MS

TOO_MANY = 429
REFUSED = frozenset({401, 403, 422})
# Whoever has one IPv6 address has its whole network of this prefix.
IPV6_PREFIX = 64


def client_address() -> str:
    """Return the address that asks; what `X-Forwarded-For` says counts if a trusted proxy says it.

    Of an IPv6 address it is the network.
    """
    trusted = current_app.config["TRUSTED_PROXIES"]
    hops = [*request.headers.get("X-Forwarded-For", "").split(","), request.remote_addr or ""]
    address = ""
    for hop in reversed(hops):
        try:
            found = ip_address(hop.strip())
        except ValueError:
            break
        address = _network(found) if isinstance(found, IPv6Address) else str(found)
        if not any(found in network for network in trusted):
            break
    return address or "unknown"


def configure(app: APIFlask, settings: UsersSettings) -> None:
    """Make the limits below hold for `app`."""
    networks = settings.trusted_proxies.split(",")
    app.config.update(
        TRUSTED_PROXIES=[ip_network(network.strip()) for network in networks if network.strip()],
        RATES=settings,
        RATELIMIT_STORAGE_URI=settings.mongo_url.get_secret_value(),
        RATELIMIT_STORAGE_OPTIONS={
            "database_name": settings.mongo_database,
            "window_collection_name": "rate_windows",
            "counter_collection_name": "rate_counters",
            "appname": "users",
            "serverSelectionTimeoutMS": TIMEOUT_MS,
            "connectTimeoutMS": TIMEOUT_MS,
            "timeoutMS": TIMEOUT_MS,
        },
    )
    _limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _too_many)
    atexit.register(close)


def close() -> None:
    """Close the connections to the database."""
    if isinstance(_limiter.storage, MongoDBStorage):
        _limiter.storage.storage.close()


def _rate(name: str) -> Callable[[], str]:
    def present() -> str:
        rate: str = getattr(current_app.config["RATES"], name)
        return rate

    return present


def _network(address: IPv6Address) -> str:
    return str(ip_network((address, IPV6_PREFIX), strict=False))


def _typed_account() -> str:
    email = typed_email(request.get_json()["email"])
    return hashlib.sha256(email.encode()).hexdigest()


def _own_account() -> str:
    return caller().user_id


def _is_refused(response: Response) -> bool:
    return response.status_code in REFUSED


def _too_many(_error: RateLimitExceeded) -> Response:
    response = web.refuse(TOO_MANY, "Muitas tentativas.")
    breached = _limiter.current_limit
    if breached is not None:
        response.headers["Retry-After"] = str(max(1, breached.reset_at - int(time.time())))
    return response


# An exact count of the tries in the latest period; a fixed window would allow twice the rate at its
# border.
_limiter = Limiter(key_func=client_address, strategy="moving-window")

# Decorators of views, to stand below @bp.input: what is refused there does not count.
log_in_per_account = _limiter.shared_limit(
    _rate("rate_log_in_account"), "log-in", key_func=_typed_account, deduct_when=_is_refused
)
log_in_per_address = _limiter.shared_limit(
    _rate("rate_log_in_address"), "log-in", key_func=client_address, deduct_when=_is_refused
)
own_password = _limiter.shared_limit(
    _rate("rate_log_in_account"), "password", key_func=_own_account, deduct_when=_is_refused
)
sign_up = _limiter.shared_limit(_rate("rate_sign_up"), "sign-up")
forgot_per_account = _limiter.shared_limit(
    _rate("rate_forgot_account"), "forgot", key_func=_typed_account
)
forgot_per_address = _limiter.shared_limit(_rate("rate_forgot_address"), "forgot")
reset = _limiter.shared_limit(
    _rate("rate_log_in_address"), "reset", key_func=client_address, deduct_when=_is_refused
)
