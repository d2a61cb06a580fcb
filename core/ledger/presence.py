"""The sign of life that a process gives to the ledger, for administrators to see."""

import os
import socket
import time
import uuid

from sqlalchemy import Engine

from core import logs
from core.ledger.connection import ERRORS, Kept
from core.ledger.transitions import workers

INTERVAL_SECONDS = 10.0

log = logs.logger(__name__)


class Presence:
    """Tells the ledger at most every ten seconds that this process is there.

    `kind` is `lookups`, `mail` or `dispatch`; `name` is unique to the process.
    """

    def __init__(self, kind: str, slots: int = 1) -> None:
        host = socket.gethostname()
        self.name = f"{host}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._worker = workers.Worker(self.name, kind, host, slots)
        self._tell_at = 0.0

    def tell(self, ledger: Engine | Kept) -> None:
        """Give the sign of life when it is time; raises what the database raises."""
        if time.monotonic() < self._tell_at:
            return
        with ledger.begin() as connection:
            workers.note_seen(connection, self._worker)
        self._tell_at = time.monotonic() + INTERVAL_SECONDS

    def leave(self, ledger: Engine | Kept) -> None:
        """Tell that the process ends; a database that is away will see it by the silence."""
        try:
            with ledger.begin() as connection:
                workers.note_left(connection, self.name)
        except ERRORS as exc:
            log.info("left_without_a_word", error=type(exc).__name__)
