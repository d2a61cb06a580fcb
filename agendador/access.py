"""Who may call what."""

from functools import wraps
from typing import Any, cast

from core import web
from core.tokens import View, caller

FORBIDDEN = 403


def admins_only(view: View) -> View:
    """Let only administrators reach `view`; goes below `@signed_in`."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not caller().is_admin:
            raise web.stop(FORBIDDEN, "Somente administradores.")
        return view(*args, **kwargs)

    return cast(View, guarded)
