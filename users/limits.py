"""How often somebody may try: counted in MongoDB, so that all processes count together.

Of log-ins only the refused ones count: who knows the password is never in the way of a limit that
they did not reach before. What an e-mail is counted under is its digest.
"""

import hashlib
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from apiflask import APIFlask
from flask import Response, current_app, request
from flask_limiter import Limiter, RateLimitExceeded
from limits.storage.mongodb import MongoDBStorageBase

from core import web
from core.tokens import caller
from users.fields import typed_email
from users.settings import UsersSettings
from users.store import RATES, Store

TOO_MANY = 429
SCHEME = "users-store"
REFUSED = frozenset({401, 403, 422})
# Whoever has one IPv6 address has its whole network of this prefix.
IPV6_PREFIX = 64


def client_address() -> str:
    """Return the address that asks; what `X-Forwarded-For` says counts if a trusted proxy says it.

    Of an IPv6 address it is the network.
    """
    trusted = current_app.config["TRUSTED_PROXIES"]
    hops = [*request.headers.get("X-Forwarded-For", "").split(","), request.remote_addr or ""]
    address = "unknown"
    for hop in reversed(hops):
        found = _address(hop)
        if found is None:
            break
        address = _party(found)
        if not any(found in network for network in trusted):
            break
    return address


def _address(hop: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(hop.strip())
    except ValueError:
        return None
    # A socket for both versions shows IPv4 addresses in this form (RFC 4291, 2.5.5.2).
    return getattr(found, "ipv4_mapped", None) or found


def _party(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, IPV6_PREFIX), strict=False))


class _SharedStorage(MongoDBStorageBase):
    """The library's storage on the connections that the process has already.

    The library would open its own with the first count, and again to close them at the end.
    """

    STORAGE_SCHEME = [SCHEME]  # noqa: RUF012 as the base class has it

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:  # noqa: ARG002
        return options["client"]

    def __del__(self) -> None:
        pass


def configure(app: APIFlask, settings: UsersSettings, store: Store) -> None:
    """Make the limits below hold for `app`, counted in the database of `store`."""
    networks = settings.trusted_proxies.split(",")
    app.config.update(
        TRUSTED_PROXIES=[ip_network(network.strip()) for network in networks if network.strip()],
        USERS_SETTINGS=settings,
        RATELIMIT_STORAGE_URI=f"{SCHEME}://",
        RATELIMIT_STORAGE_OPTIONS={
            "client": store.client,
            "database_name": settings.mongo_database,
            "window_collection_name": RATES,
        },
    )
    _limiter.init_app(app)
    app.register_error_handler(RateLimitExceeded, _too_many)


def _rate(name: str) -> Callable[[], str]:
    def present() -> str:
        rate: str = getattr(current_app.config["USERS_SETTINGS"], name)
        return rate

    return present


def _typed_account() -> str:
    email = typed_email(request.get_json(force=True)["email"])
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
