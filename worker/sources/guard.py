"""Keeps all workers together within each source's limit, and off a source that fails.

What is shared stands in the ledger (`core.ledger.transitions.sources`). A source without a limit
that is well costs nothing there: its successes are told once a second, and whether it is well is
read as often.
"""

import threading
import time
from collections import defaultdict
from typing import Protocol

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from core import logs
from core.ledger.transitions import sources as ledger
from worker.sources.errors import (
    HeldBack,
    LayoutChanged,
    RateLimited,
    SourceError,
    Unavailable,
    WrongCompany,
)
from worker.sources.settings import SourceSettings

REFRESH_SECONDS = 1.0
# When a source asks us to slow down without saying for how long, or the ledger is away.
PAUSE_SECONDS = 30.0
TRIAL_GRACE_SECONDS = 5.0
# To the ledger, at most: leave to ask is given to one thread after the other, so that more of them
# would only wait for a source's row.
CONNECTIONS = 8

# These say that the source is not well; the others are answers.
_TROUBLES = (RateLimited, Unavailable, LayoutChanged, WrongCompany)
_LEDGER_AWAY = (DBAPIError, PoolTimeoutError)

log = logs.logger(__name__)


class Guard(Protocol):
    """Decides whether a source may be asked."""

    def ask(self, name: str) -> HeldBack | None:
        """Return why not to ask the source now, or None; then `tell` must follow."""
        ...

    def tell(self, name: str, seconds: float, error: SourceError | None) -> None:
        """Learn how asking it went and how long it took."""
        ...


class Unguarded:
    """Lets everything through, for a single question from the terminal."""

    def ask(self, name: str) -> HeldBack | None:  # noqa: ARG002 the protocol's
        """Return None."""
        return None

    def tell(self, name: str, seconds: float, error: SourceError | None) -> None:
        """Do nothing."""


class SharedGuard:
    """The guard of all workers on one ledger; any number of threads may use it."""

    def __init__(self, engine: Engine, settings: SourceSettings) -> None:
        self._engine = engine
        self._options = {name: settings.options(name) for name in settings.sources}
        self._lock = threading.Lock()
        self._refreshed_at: float | None = None
        self._unwell: frozenset[str] = frozenset()
        self._successes: dict[str, list[float]] = defaultdict(list)

    def ask(self, name: str) -> HeldBack | None:
        """Return why not to ask the source now, or None. See `Guard`."""
        options = self._options[name]
        try:
            self._refresh()
            if not options.per_minute and name not in self._unwell:
                return None
            with self._engine.begin() as connection:
                leave = ledger.admit(connection, name, options.timeout + TRIAL_GRACE_SECONDS)
        except _LEDGER_AWAY as exc:
            log.warning("source_guard_away", error=type(exc).__name__)
            return HeldBack(PAUSE_SECONDS) if options.per_minute else None
        return None if leave.granted else HeldBack(leave.wait)

    def tell(self, name: str, seconds: float, error: SourceError | None) -> None:
        """Learn how asking it went. See `Guard`."""
        try:
            if isinstance(error, _TROUBLES):
                self._refresh()
                self._tell_trouble(name, seconds, error)
            else:
                self._successes[name].append(seconds)
                limited = self._options[name].per_minute > 0
                self._refresh(at_once=limited or name in self._unwell)
        except _LEDGER_AWAY as exc:
            log.warning("source_guard_away", error=type(exc).__name__)

    def _tell_trouble(self, name: str, seconds: float, error: SourceError) -> None:
        with self._engine.begin() as connection:
            if isinstance(error, RateLimited):
                pause = PAUSE_SECONDS if error.retry_after is None else error.retry_after
                ledger.paused(connection, name, error.code, seconds, pause)
            else:
                ledger.failed(connection, name, error.code, seconds)
        self._unwell |= {name}

    def _refresh(self, *, at_once: bool = False) -> None:
        """Tell the successes of the last second and read which sources are unwell."""
        first = self._refreshed_at is None
        if not (first or at_once) and not self._is_due():
            return
        # One thread does it; the others go on with what is known, unless nothing is.
        if not self._lock.acquire(blocking=first or at_once):
            return
        try:
            if at_once or self._is_due():
                self._synchronize()
        finally:
            self._lock.release()

    def _is_due(self) -> bool:
        at = self._refreshed_at
        return at is None or time.monotonic() - at >= REFRESH_SECONDS

    def _synchronize(self) -> None:
        with self._engine.begin() as connection:
            if self._refreshed_at is None:
                limits = {name: options.per_minute for name, options in self._options.items()}
                ledger.register(connection, limits)
            for name in list(self._successes):
                took = self._successes.pop(name)
                ledger.succeeded(connection, name, len(took), sum(took))
            self._unwell = ledger.unwell(connection)
        self._refreshed_at = time.monotonic()
