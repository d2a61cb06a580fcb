"""What one user may have and do."""

from apiflask import HTTPError
from flask import current_app
from sqlalchemy import Connection

from agendador.settings import AgendadorSettings
from core import web
from core.ledger import queries
from core.tokens import caller

CONFLICT = 409
TOO_MANY = 429
HOUR = 3_600
# Pages that one user gave and that no worker has read yet; each may be large.
MAX_UNREAD_PAGES = 50


def max_open_jobs() -> int:
    """Return how many of a user's jobs may be open, that is, not have ended."""
    return _settings().max_open_jobs


def too_many_open() -> HTTPError:
    """Return the refusal (409) of a job too many."""
    return web.stop(
        CONFLICT,
        f"O limite é de {max_open_jobs()} consultas em aberto, e este pedido passa dele. "
        "Espere algumas terminarem, ou cancele as que não precisa.",
    )


def check_open_jobs(connection: Connection) -> None:
    """Raise the refusal of jobs just made, if with them too many have not ended.

    The caller's transaction must end with it, so that nothing of the request is kept.
    """
    limit = max_open_jobs()
    if queries.count_open_jobs(connection, caller().user_id, limit + 1) > limit:
        raise too_many_open()


def check_imports(connection: Connection) -> None:
    """Raise the refusal (429) of one more import if there were enough in the last hour."""
    limit = _settings().max_imports_per_hour
    if queries.count_imports(connection, caller().user_id, HOUR) >= limit:
        error: HTTPError = web.stop(
            TOO_MANY, f"O limite é de {limit} importações por hora. Tente de novo mais tarde."
        )
        error.headers = {"Retry-After": str(HOUR // limit)}
        raise error


def check_unread_pages(connection: Connection) -> None:
    """Raise the refusal (429) of a page just given, if with it too many are not read yet.

    The caller's transaction must end with it, so that nothing of the request is kept.
    """
    if queries.count_pages(connection, caller().user_id) > MAX_UNREAD_PAGES:
        raise web.stop(
            TOO_MANY,
            f"Até {MAX_UNREAD_PAGES} páginas podem esperar leitura. "
            "Envie esta quando as anteriores tiverem sido lidas.",
        )


def _settings() -> AgendadorSettings:
    settings: AgendadorSettings = current_app.extensions["settings"]
    return settings
