"""What the dispatcher does: see that each run has its message."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from core.ledger.prepared import Prepared
from core.ledger.transitions import JOBS_OF_RUNS, PUBLISH_LEASE, QUEUE_LEASE
from core.ledger.transitions.due import JOB_OF_RUN, MESSAGE_COLUMNS, level

# A message cannot be given another priority: it is published once more, and the claim decides.
_TAKE_STRANDED = text(f"""
    WITH outstanding AS MATERIALIZED (
        SELECT run.id, job_id, status, run.priority, lease_until, CASE WHEN row_number() OVER (
                PARTITION BY status = 'processing', creator_id, job.priority
                ORDER BY run.priority DESC, waiting_since, job_id) = 1
            THEN {level("job.priority", "waiting_since")} ELSE run.priority END AS level
        FROM run CROSS JOIN LATERAL ({JOB_OF_RUN}) AS job
        WHERE finished_at IS NULL AND next_attempt_at IS NULL
    ), found AS (
        SELECT * FROM outstanding
        WHERE lease_until <= now() OR (status = 'queued' AND priority < level)
        ORDER BY lease_until LIMIT :limit
    ), stranded AS (
        SELECT found.id, job_id, level FROM found CROSS JOIN LATERAL (
            SELECT FROM job WHERE id = job_id FOR NO KEY UPDATE SKIP LOCKED) AS job
    ), taken AS (
        UPDATE run
        SET status = CASE run.status WHEN 'processing' THEN 'queued' ELSE run.status END,
            priority = level, lease_until = now() + :lease, worker = NULL
        FROM stranded
        WHERE run.id = stranded.id AND run.next_attempt_at IS NULL AND (
            (run.finished_at IS NULL AND run.lease_until <= now())
            OR (run.status = 'queued' AND run.priority < level))
        RETURNING run.id, run.job_id, run.attempt, run.status, run.priority AS level, run.created
    ), jobs AS (
        UPDATE job SET status = taken.status FROM taken
        WHERE job.id = taken.job_id AND job.status = 'processing'
    )
    SELECT {MESSAGE_COLUMNS}, run.id AS run_id, run.attempt + 1 AS attempt, level
    FROM taken AS run JOIN job ON job.id = run.job_id
    ORDER BY level DESC, run.created
""")

_MARK_QUEUED = Prepared(
    "mark_queued",
    f"""
    WITH locked AS MATERIALIZED (
        {JOBS_OF_RUNS}
    ), marked AS (
        UPDATE run SET status = 'queued', queued_at = coalesce(queued_at, now()),
                       lease_until = now() + :lease
        WHERE id = ANY(:run_ids) AND job_id = ANY(ARRAY(SELECT id FROM locked))
          AND CASE status WHEN 'created' THEN true ELSE status = 'queued' END
        RETURNING job_id, scheduled_for
    )
    UPDATE job SET status = 'queued', next_run_at = nullif(next_run_at, scheduled_for)
    FROM marked WHERE job.id = marked.job_id RETURNING job.id""",
    run_ids="uuid[]",
    lease="interval",
)

# Leases are no change of state: a run that another transaction holds is being moved on, so these
# pass it over. They would have to lock its job first to wait for it. (PostgreSQL waits in spite of
# SKIP LOCKED for the successor of a version whose change was committed this very moment: a deadlock
# is possible, though rare; whoever it ends tries again.)
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
        WHERE finished_at IS NULL AND next_attempt_at IS NULL
          AND status = 'queued' AND lease_until <= now()
        FOR NO KEY UPDATE SKIP LOCKED)
""")


def take_stranded(connection: Connection, limit: int, ageing: timedelta) -> Sequence[Row[Any]]:
    """Take runs that must be published again and return them like `take_due`.

    These are the ones that nobody moved on within their lease (unconfirmed, lost by the broker, or
    claimed by a worker that died), and the first in a user's line at the broker once it rises to
    a higher level: the broker would never deliver it while higher ones keep coming.
    """
    values = {"limit": limit, "ageing": ageing, "lease": PUBLISH_LEASE}
    return connection.execute(_TAKE_STRANDED, values).all()


def mark_queued(connection: Connection, run_ids: Sequence[uuid.UUID]) -> None:
    """Note that the broker confirmed the messages of these runs."""
    _MARK_QUEUED.run(connection, {"run_ids": list(run_ids), "lease": QUEUE_LEASE})


def hand_back_unpublished(
    connection: Connection, run_ids: Sequence[uuid.UUID], delay: timedelta
) -> None:
    """Give runs whose message was not confirmed back to the dispatchers, after `delay`."""
    connection.execute(_HAND_BACK_UNPUBLISHED, {"run_ids": list(run_ids), "delay": delay})


def keep_queued(connection: Connection) -> None:
    """Renew the lease of the queued runs: the broker still holds their messages."""
    connection.execute(_KEEP_QUEUED, {"lease": QUEUE_LEASE})
