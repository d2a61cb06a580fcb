"""The dispatcher: takes due jobs from the ledger and publishes their runs to RabbitMQ.

Any number may run at once. The database is the truth: a run is `queued` only after the broker has
confirmed its message, and a message that is lost is published again when its lease ends. While the
broker confirms batches the next one is taken, so neither it nor the database waits for the other.
"""

import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from datetime import timedelta
from itertools import takewhile
from typing import Any

import pika.exceptions
from sqlalchemy import Row

from agendador.settings import AgendadorSettings
from core import logs
from core.broker import events, topology
from core.broker.connection import connect
from core.broker.messages import Message, job_created
from core.broker.publisher import BufferFullError, Failures, Publisher, PublishError
from core.heartbeat import Heartbeat
from core.ledger import connection as ledger
from core.ledger import queries
from core.ledger.models import Status
from core.ledger.presence import Presence
from core.ledger.transitions import dispatch

POLL_SECONDS = 1.0
CONFIRM_TIMEOUT_SECONDS = 5.0
RETRY_DELAY = timedelta(seconds=1)
STRANDED_SECONDS = 0.5
STRANDED_BATCH = 500
# How many full batches may be on their way to the broker while the next one is taken.
ON_THE_WAY = 3
# What is unconfirmed after this at the end is published again by another dispatcher.
CLOSE_SECONDS = 1.0

log = logs.logger(__name__)

_Sent = tuple[Sequence[Row[Any]], "Future[Failures]"]


class Dispatcher:
    """One dispatcher with its connections; `run` goes round until it is told to stop."""

    def __init__(self, settings: AgendadorSettings) -> None:
        self._settings = settings
        self._engine = ledger.engine(
            settings, "dispatcher", checked=False, by_index=True, single=True, durable=False
        )
        self._listener = ledger.Listener(settings, "dispatcher", [ledger.JOB_CHANNEL])
        self._publisher = Publisher(settings, "dispatcher")
        self._heartbeat = Heartbeat(settings.heartbeat_file)
        self._presence = Presence("dispatch")
        self._stranded_at = 0.0
        # What was handed to the publisher and the ledger does not know to be queued.
        self._sent: list[_Sent] = []
        self._unpublished: set[uuid.UUID] = set()

    def run(self, stopping: threading.Event) -> None:
        """Dispatch until `stopping` is set, whatever goes away and comes back meanwhile."""
        log.info("dispatcher_started", window=self._settings.dispatch_window)
        more = False
        while not stopping.is_set():
            try:
                self._listener.wait(0 if more else self._seconds_to_next())
                more = self._turn()
            except Exception as exc:
                if ledger.is_lost(exc):
                    log.warning("database_lost", error=type(exc).__name__)
                else:
                    log.exception("dispatcher_failed")
                more = stopping.wait(POLL_SECONDS)
        with suppress(*ledger.ERRORS):
            self._settle(timeout=CLOSE_SECONDS)
        self._publisher.close(CLOSE_SECONDS)
        self._listener.close()
        self._presence.leave(self._engine)
        self._engine.dispose()
        log.info("dispatcher_stopped")

    def _seconds_to_next(self) -> float:
        with self._engine.connect() as connection:
            return queries.seconds_to_next_run(connection, POLL_SECONDS)

    def _turn(self) -> bool:
        """Publish what there is to publish now and tell whether there may be more."""
        # Jobs stay due in the ledger while the broker is away, where they can still be changed.
        if not self._publisher.wait_connected(POLL_SECONDS):
            self._settle()
            return False
        # What woke it comes first: it may be a job that somebody waits for.
        more = self._dispatch_due()
        self._heartbeat.beat()
        self._presence.tell(self._engine)
        if time.monotonic() >= self._stranded_at:
            self._look_after_stranded()
            self._stranded_at = time.monotonic() + STRANDED_SECONDS
        return more

    def _dispatch_due(self) -> bool:
        with self._engine.begin() as connection:
            due = dispatch.take_due(
                connection, self._settings.dispatch_window, self._settings.ageing
            )
        self._send(due)
        # After a full batch there is more, to be taken while the broker confirms.
        is_full = len(due) == dispatch.BATCH
        return self._settle(ON_THE_WAY if is_full else 0) and bool(due)

    def _look_after_stranded(self) -> None:
        with self._engine.begin() as connection:
            lost = queries.count_unclaimed_past_lease(connection)
        if lost and self._queue_depth() >= lost:
            # The broker still holds them: no worker has taken them yet.
            with self._engine.begin() as connection:
                dispatch.keep_queued(connection)
        with self._engine.begin() as connection:
            stranded = dispatch.take_stranded(connection, STRANDED_BATCH, self._settings.ageing)
        if stranded:
            log.info("republishing", runs=len(stranded))
            self._send(stranded)
            self._settle()

    def _queue_depth(self) -> int:
        name = self._settings.broker_namespace + topology.JOB_CREATED
        try:
            with connect(self._settings, "dispatcher-depth") as connection:
                declared = connection.channel().queue_declare(name, passive=True)
        except pika.exceptions.AMQPError:
            return 0
        return int(declared.method.message_count)

    def _send(self, runs: Sequence[Row[Any]]) -> None:
        """Hand the messages of runs to the publisher."""
        if not runs:
            return
        try:
            future = self._publisher.publish([_message(run) for run in runs])
        except BufferFullError as exc:
            future = Future()
            future.set_result({str(run.run_id): exc for run in runs})
        self._sent.append((runs, future))

    def _settle(self, leave: int = 0, timeout: float = CONFIRM_TIMEOUT_SECONDS) -> bool:
        """Note which of the sent runs the broker confirmed; tells whether it was all of them.

        Waits at most `timeout` seconds until no more than `leave` batches are unanswered.
        """
        answered = self._answered(leave, timeout)
        if not answered:
            return True
        failed = [failure for runs, future in answered for failure in _failed(runs, future)]
        unpublished = {run.run_id for run, _ in failed}
        confirmed = {run.run_id for runs, _ in answered for run in runs} - unpublished
        with self._engine.begin() as connection:
            if confirmed:
                dispatch.mark_queued(connection, list(confirmed))
            if unpublished:
                dispatch.hand_back_unpublished(connection, list(unpublished), RETRY_DELAY)
        self._report(failed)
        del self._sent[: len(answered)]
        return not failed

    def _answered(self, leave: int, timeout: float) -> list[_Sent]:
        """Return the first batches: those that the broker has answered for or has had to."""
        overdue = max(len(self._sent) - leave, 0)
        wait([future for _, future in self._sent[:overdue]], timeout)
        early = takewhile(lambda sent: sent[1].done(), self._sent[overdue:])
        return [*self._sent[:overdue], *early]

    def _report(self, failed: Sequence[tuple[Row[Any], PublishError]]) -> None:
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


def _failed(
    runs: Sequence[Row[Any]], future: "Future[Failures]"
) -> list[tuple[Row[Any], PublishError]]:
    """Return which runs of a batch were not confirmed and why; what waits yet is taken back."""
    if future.cancel():
        late = PublishError("the broker did not confirm in time")
        return [(run, late) for run in runs]
    failures = future.result()
    return [(run, failures[str(run.run_id)]) for run in runs if str(run.run_id) in failures]


def _message(run: Row[Any]) -> Message:
    """Return the `job_created` message of a run: the job as the API shows it, and the run.

    The body tells the job's own priority; the broker delivers by the effective one.
    """
    body = {
        "id": run.id,
        "title": run.title,
        "description": run.description,
        "cpf_cnpj": run.cpf_cnpj,
        "date": run.date.isoformat(),
        "priority": run.priority,
        "status": Status.QUEUED.value,
        "creator_id": run.creator_id,
        "creator_email": run.creator_email,
        "run_id": str(run.run_id),
        "attempt": run.attempt,
    }
    return job_created(body, priority=run.level, request_id=run.request_id)
