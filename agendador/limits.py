"""What one user may have and do."""

import threading
import time
from dataclasses import dataclass

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
# How long it is remembered how many jobs somebody has open, and of how many people.
COUNT_SECONDS = 60.0
MAX_REMEMBERED = 10_000
OPEN_JOBS = "open_jobs"


@dataclass
class _Known:
    count: int
    until: float


class OpenJobs:
    """How many jobs of each user are open, remembered so that few jobs more cost no counting.

    Who has less than half of the limit is counted once in COUNT_SECONDS; until the next time only
    what this process makes is added. So with one process the limit holds exactly. Each further one
    may see `limit` / 2 of a user's jobs too few for that long.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._far = limit // 2
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def limit_for_one_more(self, connection: Connection, user_id: str) -> int | None:
        """Note a job about to be made; return the limit to hold it to, None when it is far away."""
        count = self._one_more(user_id)
        if count is None:
            count = queries.count_open_jobs(connection, user_id, self._far)
            self.note(user_id, count + 1)
        return None if count < self._far else self.limit

    def note(self, user_id: str, count: int) -> None:
        """Remember how many jobs of a user are open, just counted."""
        with self._lock:
            self._known.pop(user_id, None)
            while len(self._known) >= MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[user_id] = _Known(count, time.monotonic() + COUNT_SECONDS)

    def _one_more(self, user_id: str) -> int | None:
        with self._lock:
            known = self._known.get(user_id)
            if known is None or known.until <= time.monotonic():
                return None
            known.count += 1
            return known.count - 1


def open_jobs() -> OpenJobs:
    """Return what this process knows of everybody's open jobs, that is, those not ended."""
    known: OpenJobs = current_app.extensions[OPEN_JOBS]
    return known


def too_many_open() -> HTTPError:
    """Return the refusal (409) of a job too many."""
    return web.stop(
        CONFLICT,
        f"O limite é de {open_jobs().limit} consultas em aberto, e este pedido passa dele. "
        "Espere algumas terminarem, ou cancele as que não precisa.",
    )


def check_open_jobs(connection: Connection) -> None:
    """Raise the refusal of jobs just made, if with them too many have not ended.

    The caller's transaction must end with it, so that nothing of the request is kept.
    """
    known, user_id = open_jobs(), caller().user_id
    count = queries.count_open_jobs(connection, user_id, known.limit + 1)
    known.note(user_id, count)
    if count > known.limit:
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
