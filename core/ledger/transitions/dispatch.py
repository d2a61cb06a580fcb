"""What the dispatcher does: make runs that are due and see that each has its message."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from core.ledger.transitions import PUBLISH_LEASE, QUEUE_LEASE

# What a message says of a run, for both ways in which a run comes to be published.
_MESSAGE_COLUMNS = """
    run.id AS run_id, run.attempt + 1 AS attempt, run.priority, job.id, job.title,
    job.description, job.cpf_cnpj, job.date, job.creator_id, job.creator_email, job.request_id
"""

_TAKE_DUE = text("""
    WITH room AS MATERIALIZED (
        SELECT level, greatest(:window - (
            SELECT count(*) FROM run
            WHERE status IN ('created', 'queued') AND next_attempt_at IS NULL AND priority >= level
        ), 0) AS free
        FROM generate_series(0, 5) AS level
    ), candidate AS (
        SELECT job.*, free, row_number() OVER (ORDER BY priority DESC, next_run_at, id) AS place
        FROM room CROSS JOIN LATERAL (
            SELECT * FROM job
            WHERE status = 'created' AND next_run_at <= now() AND priority = room.level
              AND NOT EXISTS (
                SELECT FROM run
                WHERE job_id = job.id AND run.status IN ('created', 'queued', 'processing'))
            ORDER BY next_run_at, id LIMIT room.free
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS job
    ), due AS (
        SELECT * FROM candidate WHERE place <= free
    ), made AS (
        INSERT INTO run (id, job_id, scheduled_for, priority, status, attempt, lease_until)
        SELECT gen_random_uuid(), id, next_run_at, priority, 'created', 0, now() + :lease FROM due
        ON CONFLICT (job_id, scheduled_for) DO NOTHING
        RETURNING id, job_id
    ), advanced AS (
        UPDATE job SET next_run_at = NULL FROM due WHERE job.id = due.id
    )
    SELECT made.id AS run_id, 1 AS attempt, due.priority, due.id, due.title, due.description,
           due.cpf_cnpj, due.date, due.creator_id, due.creator_email, due.request_id
    FROM made JOIN due ON due.id = made.job_id
    ORDER BY due.priority DESC, due.next_run_at, due.id
""")

_TAKE_STRANDED = text(f"""
    WITH stranded AS (
        SELECT run.id, job.id AS job_id FROM run JOIN job ON job.id = run.job_id
        WHERE run.status IN ('created', 'queued', 'processing')
          AND coalesce(run.next_attempt_at, run.lease_until) <= now()
        ORDER BY coalesce(run.next_attempt_at, run.lease_until) LIMIT :limit
        FOR NO KEY UPDATE OF job SKIP LOCKED
    ), taken AS (
        UPDATE run
        SET status = CASE run.status WHEN 'processing' THEN 'queued' ELSE run.status END,
            next_attempt_at = NULL, lease_until = now() + :lease, worker = NULL
        FROM stranded
        WHERE run.id = stranded.id AND run.status IN ('created', 'queued', 'processing')
          AND coalesce(run.next_attempt_at, run.lease_until) <= now()
        RETURNING run.*
    ), jobs AS (
        UPDATE job SET status = taken.status FROM taken
        WHERE job.id = taken.job_id AND job.status = 'processing'
    )
    SELECT {_MESSAGE_COLUMNS} FROM taken AS run JOIN job ON job.id = run.job_id
    ORDER BY run.priority DESC, run.created
""")

_MARK_QUEUED = text("""
    WITH locked AS MATERIALIZED (
        SELECT job.id FROM job JOIN run ON run.job_id = job.id
        WHERE run.id = ANY(CAST(:run_ids AS uuid[])) ORDER BY job.id FOR NO KEY UPDATE OF job
    ), marked AS (
        UPDATE run SET status = 'queued', queued_at = coalesce(queued_at, now()),
                       lease_until = now() + :lease
        WHERE id = ANY(CAST(:run_ids AS uuid[])) AND job_id IN (SELECT id FROM locked)
          AND status IN ('created', 'queued')
        RETURNING job_id
    )
    UPDATE job SET status = 'queued' FROM marked WHERE job.id = marked.job_id
""")

# Leases are no change of state: a run that another transaction holds is being moved on, so these
# pass it over. They would have to lock its job first to wait for it.
_HAND_BACK_UNPUBLISHED = text("""
    UPDATE run SET lease_until = now() + :delay
    WHERE id IN (
        SELECT id FROM run
        WHERE id = ANY(CAST(:run_ids AS uuid[])) AND status IN ('created', 'queued')
        FOR NO KEY UPDATE SKIP LOCKED)
""")

_KEEP_QUEUED = text("""
    UPDATE run SET lease_until = now() + :lease
    WHERE id IN (
        SELECT id FROM run
        WHERE status = 'queued' AND next_attempt_at IS NULL AND lease_until <= now()
        FOR NO KEY UPDATE SKIP LOCKED)
""")


def take_due(connection: Connection, window: int) -> Sequence[Row[Any]]:
    """Make the next runs and return them in the order in which they are to be published.

    Next is the highest priority, then first come first served. Of each priority at most `window`
    runs, counting those of higher priorities, may be outstanding at the broker; what does not fit
    waits in the ledger. Rows hold the job, `run_id` and `attempt`.
    """
    return connection.execute(_TAKE_DUE, {"window": window, "lease": PUBLISH_LEASE}).all()


def take_stranded(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Take runs that must be published again and return them like `take_due`.

    These are the ones whose next attempt is due, and those that nobody moved on within their
    lease: unconfirmed, lost by the broker, or claimed by a worker that died.
    """
    return connection.execute(_TAKE_STRANDED, {"limit": limit, "lease": PUBLISH_LEASE}).all()


def mark_queued(connection: Connection, run_ids: Sequence[uuid.UUID]) -> None:
    """Note that the broker confirmed the messages of these runs."""
    connection.execute(_MARK_QUEUED, {"run_ids": list(run_ids), "lease": QUEUE_LEASE})


def hand_back_unpublished(
    connection: Connection, run_ids: Sequence[uuid.UUID], delay: timedelta
) -> None:
    """Give runs whose message was not confirmed back to the dispatchers, after `delay`."""
    connection.execute(_HAND_BACK_UNPUBLISHED, {"run_ids": list(run_ids), "delay": delay})


def keep_queued(connection: Connection) -> None:
    """Renew the lease of the queued runs: the broker still holds their messages."""
    connection.execute(_KEEP_QUEUED, {"lease": QUEUE_LEASE})
