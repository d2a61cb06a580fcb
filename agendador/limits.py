"""What one user may have and do."""

import threading

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
# How many jobs of a user a process makes before it counts again, and how many users it remembers.
UNCOUNTED = 200
MAX_REMEMBERED = 10_000
OPEN_JOBS = "open_jobs"


class OpenJobs:
    """Who may have how many open jobs, held without counting them for each new one.

    A process that has counted a user's jobs, and found 2 × UNCOUNTED or more missing to the limit,
    makes the next UNCOUNTED of them without counting, but for one halfway, so that the rest need
    not wait for a count. All others are counted, imports as a whole, one at a time whichever
    process makes them. So one process holds the limit exactly, and each further one adds UNCOUNTED
    jobs at most; an import at the same moment, what is on its way then.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._uncounted: dict[str, int] = {}
        self._lock = threading.Lock()

    def is_far(self, user_id: str) -> bool:
        """Tell whether a user's next job, about to be made, need not be counted."""
        with self._lock:
            left = self._uncounted.get(user_id, 0)
            if left > 0:
                self._uncounted[user_id] = left - 1
            return left > 0 and left != UNCOUNTED // 2

    def note(self, user_id: str, count: int) -> None:
        """Remember how many jobs of a user are open, just counted while nobody else counts them."""
        with self._lock:
            self._uncounted.pop(user_id, None)
            if count + 2 * UNCOUNTED > self.limit:
                return
            while len(self._uncounted) >= MAX_REMEMBERED:
                del self._uncounted[next(iter(self._uncounted))]
            self._uncounted[user_id] = UNCOUNTED


def open_jobs() -> OpenJobs:
    """Return what this process knows of everybody's open jobs, that is, those not ended."""
    known: OpenJobs = current_app.extensions[OPEN_JOBS]
    return known


def check_open_jobs(connection: Connection) -> None:
    """Raise the refusal (409) of jobs just made, if with them too many have not ended.

    It must be the caller's turn (`people.take_turn`), and the transaction must end with the
    refusal, so that nothing of the request is kept.
    """
    known, user_id = open_jobs(), caller().user_id
    count = queries.count_open_jobs(connection, user_id, known.limit + 1)
    known.note(user_id, count)
    if count > known.limit:
        raise web.stop(
            CONFLICT,
            f"O limite é de {known.limit} consultas em aberto, e este pedido passa dele. "
            "Espere algumas terminarem, ou cancele as que não precisa.",
        )


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
