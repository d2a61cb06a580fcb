"""Who may call what. An account may be gone or deactivated while its token is still good."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from core import web
from core.groups import GROUP_ADMIN
from core.tokens import caller, signed_in
from users.services import services
from users.store import Document

UNAUTHORIZED = 401
FORBIDDEN = 403

View = TypeVar("View", bound=Callable[..., Any])


def own_account() -> Document:
    """Return the caller's account; stops the request with 401 when it is no longer active."""
    account = services().store.find_account(caller().user_id)
    if account is None or not account["active"]:
        raise web.stop(UNAUTHORIZED, "Esta conta não existe mais ou foi desativada.")
    return account


def admins_only(view: View) -> View:
    """Let only those reach `view` who are administrators now, whatever their token says."""

    @signed_in
    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if own_account()["group"] != GROUP_ADMIN:
            raise web.stop(FORBIDDEN, "Somente administradores.")
        return view(*args, **kwargs)

    return guarded  # type: ignore[return-value]
