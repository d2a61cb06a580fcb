"""What the broker answers is noted in the ledger, while the dispatcher takes what is next."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import timedelta
from queue import Empty, Full, Queue
from typing import Any

from sqlalchemy import Row

from agendador.settings import AgendadorSettings
from core import logs
from core.broker import events
from core.broker.publisher import Failures, Publisher, PublishError
from core.ledger import connection as ledger
from core.ledger.transitions import dispatch

# How many batches may be on their way to the broker; more are not taken meanwhile.
ON_THE_WAY = 16
# A worker that is free claims within a few milliseconds what is sent. A claim says that the run was
# queued, too: noting it before would only be in the claim's way.
PAUSE_SECONDS = 0.01
CONFIRM_TIMEOUT_SECONDS = 5.0
# Longer than a broker that confirms nothing keeps `expect` waiting.
EXPECT_SECONDS = 6.0
RETRY_DELAY = timedelta(seconds=1)
LEDGER_PAUSE_SECONDS = 0.5

log = logs.logger(__name__)

_Runs = Sequence[Row[Any]]
_Batch = tuple[_Runs, "Future[Failures]"]
_Failed = list[tuple[Row[Any], PublishError]]


class Confirms:
    """Waits for the broker's answers in a thread of its own and marks runs as queued."""

    def __init__(self, settings: AgendadorSettings, publisher: Publisher) -> None:
        self._ledger = ledger.Kept(settings, "dispatcher", single=True, durable=False)
        self._publisher = publisher
        self._sent: Queue[_Batch | None] = Queue(ON_THE_WAY)
        # Those that were told of: of each run that cannot be published one event tells.
        self._unpublished: set[uuid.UUID] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="confirms", daemon=True)
        self._thread.start()

    def expect(self, runs: _Runs, answer: "Future[Failures]") -> None:
        """See to runs that were handed to the publisher; waits while too many are on their way.

        Raises queue.Full when that takes too long, since the ledger does not let the others be
        noted: these are moved on by whoever claims them, or published again after their lease.
        """
        self._sent.put((runs, answer), timeout=EXPECT_SECONDS)

    def close(self, timeout: float) -> None:
        """Stop, after waiting at most twice `timeout` seconds for what is on its way."""
        self._closing.set()
        with suppress(Full):
            self._sent.put(None, timeout=timeout)
        self._thread.join(timeout)

    def _run(self) -> None:
        while (batch := self._sent.get()) is not None:
            if not self._is_noted_in_the_end([batch, *self._next()]):
                break
        self._ledger.close()

    def _next(self) -> Iterator[_Batch]:
        """Wait a moment and give the batches that have come meanwhile."""
        self._closing.wait(PAUSE_SECONDS)
        with suppress(Empty):
            while (batch := self._sent.get_nowait()) is not None:
                yield batch
            self._sent.put(None)

    def _is_noted_in_the_end(self, batches: Sequence[_Batch]) -> bool:
        while not self._is_noted(batches):
            if self._closing.wait(LEDGER_PAUSE_SECONDS):
                return False
        return True

    def _is_noted(self, batches: Sequence[_Batch]) -> bool:
        # `wait` would wait for what was taken back at an earlier try, too.
        open_yet = [answer for _, answer in batches if not answer.done()]
        wait(open_yet, CONFIRM_TIMEOUT_SECONDS)
        try:
            self._note(batches)
        except Exception as exc:
            if ledger.is_lost(exc):
                log.warning("database_lost", error=type(exc).__name__)
            else:
                log.exception("confirms_not_noted")
            return False
        return True

    def _note(self, batches: Sequence[_Batch]) -> None:
        """Note what the broker has answered, or that it has not."""
        failed = [failure for runs, answer in batches for failure in _failed(runs, answer)]
        unpublished = {run.run_id for run, _ in failed}
        sent = [run.run_id for runs, _ in batches for run in runs]
        confirmed = [run_id for run_id in sent if run_id not in unpublished]
        with self._ledger.begin() as connection:
            if confirmed:
                dispatch.mark_queued(connection, confirmed)
            if unpublished:
                dispatch.hand_back_unpublished(connection, list(unpublished), RETRY_DELAY)
        self._report(failed)

    def _report(self, failed: _Failed) -> None:
        """Tell of each run that could not be published once, until all can be again."""
        if not failed:
            self._unpublished.clear()
        for run, reason in failed:
            if run.run_id in self._unpublished:
                continue
            self._unpublished.add(run.run_id)
            log.warning("not_published", run_id=str(run.run_id), job_id=run.id, reason=str(reason))
            events.emit(
                self._publisher,
                "queue",
                request_id=run.request_id,
                job_id=run.id,
                run_id=str(run.run_id),
                reason=str(reason),
            )


def _failed(runs: _Runs, answer: "Future[Failures]") -> _Failed:
    """Return which runs were not confirmed and why; what was not sent in time is taken back."""
    if answer.cancel():
        late = PublishError("the broker did not confirm in time")
        return [(run, late) for run in runs]
    failures = answer.result()
    return [(run, failures[str(run.run_id)]) for run in runs if str(run.run_id) in failures]
