"""The dispatcher: takes due jobs from the ledger and publishes their runs to RabbitMQ.

Any number may run at once. The database is the truth: a run is `queued` only after the broker has
confirmed its message (or is at work already, where a worker was quicker than that was noted), and a
message that is lost is published again when its lease ends. Taking, publishing and noting the
confirms (`confirms`) have a thread each, so none waits for another unless it is far behind.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pika.exceptions
from sqlalchemy import Row

from agendador.confirms import Confirms
from agendador.settings import AgendadorSettings
from core import logs
from core.broker import topology
from core.broker.connection import connect
from core.broker.messages import Message, job_created
from core.broker.publisher import BufferFullError, Publisher
from core.heartbeat import Heartbeat
from core.ledger import connection as ledger
from core.ledger import queries
from core.ledger.models import Status
from core.ledger.presence import Presence
from core.ledger.transitions import dispatch, due

POLL_SECONDS = 1.0
STRANDED_SECONDS = 0.5
# What woke it may be a job that somebody waits for: worker and servers have this long for it before
# the dispatcher asks for anything else.
REST_SECONDS = 0.01
STRANDED_BATCH = 500
# What is unconfirmed after this at the end is published again by another dispatcher.
CLOSE_SECONDS = 1.0

log = logs.logger(__name__)


class Dispatcher:
    """One dispatcher with its connections; `run` goes round until it is told to stop."""

    def __init__(self, settings: AgendadorSettings) -> None:
        self._settings = settings
        self._ledger = ledger.Kept(settings, "dispatcher", single=True, durable=False)
        self._listener = ledger.Listener(settings, "dispatcher", [ledger.JOB_CHANNEL])
        self._publisher = Publisher(settings, "dispatcher")
        self._confirms = Confirms(settings, self._publisher)
        self._heartbeat = Heartbeat(settings.heartbeat_file)
        self._presence = Presence("dispatch")
        self._stranded_at = 0.0
        self._took_at = time.monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Dispatch until `stopping` is set, whatever goes away and comes back meanwhile."""
        log.info("dispatcher_started", window=self._settings.dispatch_window)
        more = True
        while not stopping.is_set():
            try:
                if not more:
                    self._listener.wait(self._seconds_to_next())
                more = self._turn()
            except Exception as exc:
                if ledger.is_lost(exc):
                    log.warning("database_lost", error=type(exc).__name__)
                else:
                    log.exception("dispatcher_failed")
                more = stopping.wait(POLL_SECONDS)
        self._confirms.close(CLOSE_SECONDS)
        self._publisher.close(CLOSE_SECONDS)
        self._listener.close()
        self._presence.leave(self._ledger)
        self._ledger.close()
        log.info("dispatcher_stopped")

    def _seconds_to_next(self) -> float:
        # What has become due since the last look is to be taken, not to be waited past.
        since = time.monotonic() - self._took_at
        with self._ledger.begin() as connection:
            return queries.seconds_to_next_run(connection, POLL_SECONDS, since)

    def _turn(self) -> bool:
        """Publish what there is to publish now and tell whether there may be more at once."""
        # Jobs stay due in the ledger while the broker is away, where they can still be changed.
        if not self._publisher.wait_connected(POLL_SECONDS):
            return False
        more = self._dispatch_due() or self._listener.wait(REST_SECONDS)
        if not more or time.monotonic() >= self._stranded_at:
            self._look_around()
        return more

    def _look_around(self) -> None:
        self._heartbeat.beat()
        self._presence.tell(self._ledger)
        if time.monotonic() >= self._stranded_at:
            self._look_after_stranded()
            self._stranded_at = time.monotonic() + STRANDED_SECONDS

    def _dispatch_due(self) -> bool:
        began = time.monotonic()
        with self._ledger.begin() as connection:
            runs = due.take_due(connection, self._settings.dispatch_window, self._settings.ageing)
        self._took_at = began
        self._send(runs)
        # Of fewer nothing is left that has room; what comes meanwhile is told.
        return len(runs) == due.BATCH

    def _look_after_stranded(self) -> None:
        with self._ledger.begin() as connection:
            lost = queries.count_unclaimed_past_lease(connection)
        if lost and self._queue_depth() >= lost:
            # The broker still holds them: no worker has taken them yet.
            with self._ledger.begin() as connection:
                dispatch.keep_queued(connection)
        with self._ledger.begin() as connection:
            stranded = dispatch.take_stranded(connection, STRANDED_BATCH, self._settings.ageing)
        if stranded:
            log.info("republishing", runs=len(stranded))
            self._send(stranded)

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
        self._confirms.expect(runs, future)


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
