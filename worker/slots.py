"""The threads that look companies up: each takes a claimed run at a time and says how it ended."""

import queue
import threading
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import Row

from core.ledger.transitions.work import Outcome
from worker import attempt
from worker.settings import LookupSettings


class Slots:
    """A pool of `lookup_slots` threads; `when_finished` is called by the thread that has."""

    def __init__(
        self, settings: LookupSettings, chain: attempt.Lookup, when_finished: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._chain = chain
        self._when_finished = when_finished
        # What is to be done; None ends a thread.
        self._claimed: queue.SimpleQueue[Row[Any] | None] = queue.SimpleQueue()
        self._finished: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def open(self, threads: int = 1) -> None:
        """Start so many more threads."""
        for _ in range(threads):
            # Daemons: a page that hangs does not keep the process from ending.
            threading.Thread(target=self._serve, name="slot", daemon=True).start()

    def close(self, threads: int = 1) -> None:
        """End so many threads, each after what it is at."""
        for _ in range(threads):
            self._claimed.put(None)

    def begin(self, run: Row[Any]) -> None:
        """Let the next free thread try a run."""
        self._claimed.put(run)

    def finished(self) -> int:
        """Return how many outcomes wait to be taken."""
        return self._finished.qsize()

    def take_finished(self) -> list[Outcome]:
        """Return the outcomes that have come since the last time."""
        return [self._finished.get() for _ in range(self._finished.qsize())]

    def _serve(self) -> None:
        settings = self._settings
        while (run := self._claimed.get()) is not None:
            with structlog.contextvars.bound_contextvars(
                request_id=run.request_id, job_id=run.job_id, run_id=str(run.run_id)
            ):
                outcome = attempt.perform(
                    run, self._chain, settings.max_attempts, settings.not_found_retries
                )
            self._finished.put(outcome)
            self._when_finished()
