"""The consumer of jobs: `python -m worker lookups`.

One thread owns the connections to the broker and the database; a pool fetches and parses. A turn
settles all that finished in one transaction and claims all that arrived in another, and only then
acknowledges: group commit without a batch barrier. What finishes while other slots are at work
waits a few milliseconds for more; what finishes alone is settled at once. At least once for the
page, exactly once for the result: a message is acknowledged after its run is settled, and a
settled run is never claimed again.

A page may be one that no worker survives, or that holds its slot for ever. So a run whose worker
vanished is at work alone of its kind: only the guilty one uses its attempts up. An attempt that
takes too long counts as failed, and its slot gets another thread.
"""

import faulthandler
import math
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

import pika.exceptions
from sqlalchemy import Row

from core import logs
from core.heartbeat import Heartbeat
from core.ledger import connection as ledger
from core.ledger import queries
from core.ledger.presence import Presence
from core.ledger.transitions import WORK_LEASE, work
from core.ledger.transitions.work import Delivery, Outcome
from worker import attempt
from worker.deliveries import ConsumerCancelledError, Deliveries
from worker.settings import LookupSettings
from worker.slots import Slots

TURN_SECONDS = 1.0
# How long a finished run may wait for others, to be settled with them.
LINGER_SECONDS = 0.01
RECONNECT_SECONDS = 1.0
SHUTDOWN_SECONDS = 6.0
RENEW_SECONDS = WORK_LEASE.total_seconds() / 3
# What an attempt may take beside the sources' own timeouts: parsing, and asking the guard.
SPARE_SECONDS = 60.0
# A turn that takes longer, since something in C holds the interpreter, ends the process: no thread
# of it could.
STUCK_SECONDS = 180.0
STDERR = 2

log = logs.logger(__name__)


class Lookups:
    """One worker; `run` goes round until it is told to stop."""

    def __init__(self, settings: LookupSettings, chain: attempt.Lookup) -> None:
        self._settings = settings
        self._presence = Presence("lookups", settings.lookup_slots)
        self._name = self._presence.name
        self._single = ledger.Kept(settings, "lookups", single=True)
        # For the transactions of several statements.
        self._whole = ledger.Kept(settings, "lookups")
        self._heartbeat = Heartbeat(settings.heartbeat_file)
        self._slots = Slots(settings, chain, self._tell_finished)
        self._deliveries: Deliveries | None = None
        # What has left the broker and is not settled yet, in this order.
        self._arrived: list[Delivery] = []
        self._in_flight: dict[uuid.UUID, _Held] = {}
        # The one run in flight whose earlier worker vanished.
        self._suspect: uuid.UUID | None = None
        # Attempts that were given up while their threads go on, by run and number.
        self._hung: set[tuple[uuid.UUID, int]] = set()
        self._unsettled: list[Outcome] = []
        self._settle_at = math.inf
        # Whether the loop waits, and nobody has woken it yet.
        self._rests = False
        self._renew_at = 0.0
        self._watch_at = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Work until `stopping` is set, whatever goes away and comes back meanwhile."""
        log.info("worker_started", worker=self._name, slots=self._settings.lookup_slots)
        self._slots.open(self._settings.lookup_slots)
        while not stopping.is_set():
            self._watch_turn()
            try:
                self._consume(stopping)
            except (pika.exceptions.AMQPError, ConsumerCancelledError, OSError) as exc:
                log.warning("broker_lost", error=type(exc).__name__)
            except Exception:
                log.exception("worker_failed")
            # The broker delivers again what the closed connection held.
            self._arrived = []
            stopping.wait(RECONNECT_SECONDS)
        self._slots.close(self._settings.lookup_slots)
        self._presence.leave(self._single)
        self._whole.close()
        self._single.close()
        faulthandler.cancel_dump_traceback_later()
        log.info("worker_stopped", worker=self._name)

    def _watch_turn(self) -> None:
        if time.monotonic() >= self._watch_at:
            faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True, file=STDERR)
            self._watch_at = time.monotonic() + STUCK_SECONDS / 10

    def _consume(self, stopping: threading.Event) -> None:
        deliveries = Deliveries(self._settings, prefetch=self._settings.lookup_slots)
        self._deliveries = deliveries
        try:
            while not stopping.is_set():
                self._watch_turn()
                self._arrived += self._rest(deliveries)
                self._turn(deliveries)
            self._finish(deliveries)
        finally:
            deliveries.close()

    def _rest(self, deliveries: Deliveries, seconds: float = TURN_SECONDS) -> list[Delivery]:
        """Wait until there is something to do and return the messages that have arrived."""
        # Said before it looks at what has finished: whatever finishes after that wakes it.
        self._rests = True
        try:
            return deliveries.wait(min(self._patience(), seconds))
        finally:
            self._rests = False

    def _patience(self) -> float:
        """Return for how many seconds there is nothing to do unless something comes."""
        finished = self._slots.finished() + len(self._unsettled)
        if not finished:
            self._settle_at = math.inf
        elif finished >= self._enough():
            self._settle_at = 0.0
        else:
            self._settle_at = min(self._settle_at, time.monotonic() + LINGER_SECONDS)
        return min(max(self._settle_at - time.monotonic(), 0.0), TURN_SECONDS)

    def _enough(self) -> int:
        """Return how many finished runs wait for no more: all there are, or half of the slots."""
        return min(len(self._in_flight), -(-self._settings.lookup_slots // 2))

    def _tell_finished(self) -> None:
        """Wake the loop if it rests and this is news: the first outcome, or enough of them.

        Called by the threads of the slots.
        """
        clock_is_set = self._settle_at < math.inf
        if clock_is_set and self._slots.finished() < self._enough():
            return
        if self._rests and self._deliveries is not None:
            self._rests = False
            self._deliveries.wake()

    def _turn(self, deliveries: Deliveries) -> None:
        if not self._patience():
            self._settle_at = math.inf
            self._collect_finished()
        self._give_up_hung()
        try:
            self._settle(deliveries)
            self._claim(deliveries)
            self._renew()
            self._heartbeat.beat()
            self._presence.tell(self._single)
        except ledger.ERRORS as exc:
            if not ledger.is_lost(exc):
                raise
            # Messages and outcomes are kept; the next turn tries again.
            log.warning("database_lost", error=type(exc).__name__)
            time.sleep(min(TURN_SECONDS, 0.2))

    def _collect_finished(self) -> None:
        for outcome in self._slots.take_finished():
            if (outcome.run_id, outcome.attempt) in self._hung:
                self._hung.remove((outcome.run_id, outcome.attempt))
                self._slots.close()  # its slot has another thread already
            else:
                self._unsettled.append(outcome)

    def _give_up_hung(self) -> None:
        """End attempts that take too long, as failed, and give each slot another thread."""
        now = time.monotonic()
        # These have ended, and only the database keeps them waiting.
        ended = {outcome.run_id for outcome in self._unsettled}
        late = [held.run for held in self._in_flight.values() if held.deadline <= now]
        for run in [run for run in late if run.run_id not in ended]:
            log.error("attempt_hangs", run_id=str(run.run_id), attempt=run.attempt)
            self._in_flight[run.run_id] = _Held(run, math.inf)
            self._hung.add((run.run_id, run.attempt))
            self._unsettled.append(attempt.hung(run, self._settings.max_attempts))
            self._slots.open()

    def _settle(self, deliveries: Deliveries) -> None:
        if not self._unsettled:
            return
        try:
            self._store(self._unsettled)
        except ledger.ERRORS as exc:
            if ledger.is_lost(exc):
                raise
            self._store_one_by_one()
        settled, self._unsettled = self._unsettled, []
        # What ends from now on is news again.
        self._settle_at = math.inf
        for outcome in settled:
            self._in_flight.pop(outcome.run_id, None)
        for outcome in filter(attempt.is_exhausted, settled):
            deliveries.bury(outcome.run_id)
        deliveries.settle(outcome.run_id for outcome in settled)

    def _store(self, outcomes: Sequence[Outcome]) -> None:
        runs = [self._in_flight[outcome.run_id].run for outcome in outcomes]
        kept = self._single if all(map(work.ends_alone, runs)) else self._whole
        with kept.begin() as connection:
            settled = work.settle(connection, outcomes, self._name)
        for outcome in outcomes:
            log.info(
                "run_settled" if outcome.run_id in settled else "run_taken_over",
                run_id=str(outcome.run_id),
                status=outcome.status.value,
                error_code=outcome.error_code,
            )

    def _store_one_by_one(self) -> None:
        """Keep what the database refuses of one outcome from holding up the others."""
        for outcome in self._unsettled:
            try:
                self._store([outcome])
            except ledger.ERRORS as exc:
                if ledger.is_lost(exc):
                    raise
                log.exception("outcome_refused", run_id=str(outcome.run_id))
                self._store([attempt.unstorable(outcome)])

    def _claim(self, deliveries: Deliveries) -> None:
        self._arrived = [d for d in self._arrived if d.run_id not in self._in_flight]
        asked = self._admit()
        if not asked:
            return
        with self._single.begin() as connection:
            claimed = work.claim(connection, asked, self._name)
        taken = {d.run_id for d in asked}
        self._arrived = [d for d in self._arrived if d.run_id not in taken]
        for run in claimed:
            until = time.monotonic() + self._settings.longest_lookup_seconds + SPARE_SECONDS
            self._in_flight[run.run_id] = _Held(run, until)
            self._slots.begin(run)
        dropped = [d.run_id for d in asked if d.run_id not in self._in_flight]
        for run_id in dropped:
            log.info("message_dropped", run_id=str(run_id))
        deliveries.settle(dropped)

    def _admit(self) -> list[Delivery]:
        """Return what may be claimed now: of the runs whose worker vanished one at a time."""
        again = [delivery.run_id for delivery in self._arrived if delivery.redelivered]
        if not again:
            return self._arrived
        with self._single.begin() as connection:
            suspects = queries.interrupted(connection, again, self._name)
        if suspects and self._suspect not in self._in_flight:
            self._suspect = suspects.pop()
        return [delivery for delivery in self._arrived if delivery.run_id not in suspects]

    def _renew(self) -> None:
        if self._in_flight and time.monotonic() >= self._renew_at:
            with self._single.begin() as connection:
                work.renew(connection, list(self._in_flight), self._name)
            self._renew_at = time.monotonic() + RENEW_SECONDS

    def _finish(self, deliveries: Deliveries) -> None:
        """Settle what is in flight within a bound, and hand the rest back."""
        deliveries.stop_consuming()
        for delivery in self._arrived:
            deliveries.requeue(delivery.run_id)
        self._arrived = []
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while self._in_flight and time.monotonic() < deadline:
            self._rest(deliveries, max(deadline - time.monotonic(), 0.0))
            self._turn(deliveries)
        if self._in_flight:
            self._hand_back(deliveries)

    def _hand_back(self, deliveries: Deliveries) -> None:
        try:
            with self._single.begin() as connection:
                work.release(connection, list(self._in_flight), self._name)
        except ledger.ERRORS as exc:
            if not ledger.is_lost(exc):
                raise
            # The broker redelivers the messages, and a redelivered run may be claimed again.
            log.warning("database_lost", error=type(exc).__name__)
        for run_id in self._in_flight:
            deliveries.requeue(run_id)
        log.info("runs_handed_back", runs=len(self._in_flight))


class _Held(NamedTuple):
    """A claimed run, and when this attempt is given up."""

    run: Row[Any]
    deadline: float
