"""What the dispatcher does: make runs that are due and see that each has its message."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from core.ledger.models import MAX_PRIORITY
from core.ledger.prepared import Prepared
from core.ledger.transitions import JOBS_OF_RUNS, PUBLISH_LEASE, QUEUE_LEASE

# How many runs are taken in one transaction at most; a smaller window takes as many as it holds.
BATCH = 128

# What a message says of a job; beside it goes the run.
_MESSAGE_COLUMNS = """
    job.id, job.title, job.description, job.cpf_cnpj, job.date, job.priority, job.creator_id,
    job.creator_email, job.request_id
"""


def _level(priority: str, since: str) -> str:
    """Return the SQL of the effective priority: one level more for each `:ageing` waited."""
    waited = f"extract(epoch FROM now() - {since}) / extract(epoch FROM CAST(:ageing AS interval))"
    return f"least({MAX_PRIORITY}, {priority} + floor({waited}))::int"


def _ripe(level: str) -> str:
    """Return the SQL of when a job of `priority` was due at the latest to be at that level now."""
    return f"now() - greatest({level} - priority, 0) * CAST(:ageing AS interval)"


# Its limit keeps it a look-up by key, which a join with the few rows around it need not be.
_JOB_OF_RUN = "SELECT creator_id, priority FROM job WHERE id = job_id LIMIT 1"

# Which run is next. The parts, in order: what is at the broker or on its way there, and how much
# room that leaves each level; the lowest level to look at, the one down to which the highest
# priorities fill the batch alone; who waits, first come first served within a priority; where that
# leaves jobs of this level unseen, each user's first ones, found by skipping from user to user in
# an index; whose turn it is.
_TAKE_DUE = Prepared(
    "take_due",
    f"""
    WITH RECURSIVE held AS MATERIALIZED (
        SELECT run.priority AS level, job.creator_id, job.priority, count(*) AS runs,
               array_agg(job_id) FILTER (WHERE status = 'created') AS jobs
        FROM run CROSS JOIN LATERAL ({_JOB_OF_RUN}) AS job
        WHERE finished_at IS NULL AND next_attempt_at IS NULL AND status <> 'processing'
        GROUP BY run.priority, job.creator_id, job.priority
    ), on_its_way AS MATERIALIZED (
        SELECT unnest(jobs) AS job_id FROM held
    ), room AS MATERIALIZED (
        SELECT level, :window - (
            SELECT coalesce(sum(runs), 0) FROM held WHERE held.level >= each.level)::int AS free
        FROM generate_series(0, {MAX_PRIORITY}) AS each(level)
    ), lowest AS MATERIALIZED (
        SELECT CASE WHEN jobs = :ahead THEN filled ELSE level END AS level
        FROM (SELECT min(level) AS level FROM room WHERE free > 0) AS with_room
        CROSS JOIN LATERAL (
            SELECT min(priority) AS filled, count(*) AS jobs FROM (
                SELECT priority FROM generate_series({MAX_PRIORITY}, level, -1) AS each(priority)
                CROSS JOIN LATERAL (
                    SELECT FROM job
                    WHERE status = 'created' AND job.priority = each.priority
                      AND next_run_at <= now() AND id NOT IN (SELECT job_id FROM on_its_way)
                    ORDER BY next_run_at, id LIMIT :ahead) AS due
                LIMIT :ahead) AS first) AS first
    ), seen AS MATERIALIZED (
        SELECT job.*, ripe FROM (
            SELECT priority, {_ripe("level")} AS ripe
            FROM lowest CROSS JOIN generate_series(0, {MAX_PRIORITY}) AS priority
            WHERE level IS NOT NULL) AS stream
        CROSS JOIN LATERAL (
            SELECT id, creator_id, priority, next_run_at FROM job
            WHERE status = 'created' AND priority = stream.priority AND next_run_at <= ripe
              AND id NOT IN (SELECT job_id FROM on_its_way)
            ORDER BY next_run_at, id LIMIT :ahead) AS job
    ), crowd AS (
        SELECT priority, ripe, NULL::bigint AS id, ''::varchar AS creator_id,
               NULL::timestamptz AS next_run_at
        FROM seen GROUP BY priority, ripe HAVING count(*) = :ahead
        UNION ALL
        SELECT crowd.priority, ripe, job.id, job.creator_id, job.next_run_at
        FROM crowd CROSS JOIN LATERAL (
            SELECT id, creator_id, next_run_at FROM job
            WHERE status = 'created' AND next_run_at IS NOT NULL
              AND priority = crowd.priority AND creator_id > crowd.creator_id
              AND id NOT IN (SELECT job_id FROM on_its_way)
            ORDER BY creator_id, next_run_at, id LIMIT 1) AS job
    ), head AS MATERIALIZED (
        SELECT *, count(*) OVER (PARTITION BY priority) AS users
        FROM crowd WHERE next_run_at <= ripe
    ), waiting AS (
        SELECT NULL::uuid AS run_id, id, creator_id, priority, next_run_at AS since FROM seen
        UNION
        SELECT NULL, id, creator_id, priority, next_run_at FROM head
        UNION
        SELECT NULL, job.id, creator_id, priority, job.next_run_at
        FROM head CROSS JOIN LATERAL (
            SELECT id, next_run_at FROM job
            WHERE status = 'created' AND priority = head.priority
              AND creator_id = head.creator_id AND next_run_at <= ripe
              AND id NOT IN (SELECT job_id FROM on_its_way)
            ORDER BY next_run_at, id LIMIT :batch / users) AS job
        UNION ALL
        SELECT run.id, job.id, creator_id, job.priority, run.next_attempt_at FROM (
            SELECT id, job_id, next_attempt_at FROM run
            WHERE next_attempt_at <= now() ORDER BY next_attempt_at LIMIT :ahead
        ) AS run JOIN job ON job.id = run.job_id
    ), levelled AS (
        -- Of a user's runs only the first in line rises: the others wait for that one.
        SELECT *, CASE WHEN row_number() OVER (
                PARTITION BY creator_id, priority ORDER BY since, id) = 1
            AND NOT EXISTS (SELECT FROM held
                WHERE creator_id = waiting.creator_id AND priority = waiting.priority)
            THEN {_level("priority", "since")} ELSE priority END AS level
        FROM waiting
    ), share AS (
        SELECT level, creator_id, sum(runs)::int AS runs FROM held GROUP BY level, creator_id
    ), candidate AS (
        SELECT *, row_number() OVER (ORDER BY level DESC, turn, since, id) AS place FROM (
            SELECT levelled.*, free, coalesce(runs, 0) + row_number() OVER (
                PARTITION BY level, creator_id ORDER BY since, id) AS turn
            FROM levelled JOIN room USING (level) LEFT JOIN share USING (level, creator_id)
            WHERE free > 0) AS with_turn
    ), locked AS (
        SELECT {_MESSAGE_COLUMNS}, next_run_at, run_id, since, level, place, free
        FROM candidate JOIN job ON job.id = candidate.id
        -- What another dispatcher has locked is passed over, so some more are looked at.
        WHERE place <= 2 * free
          AND (run_id IS NOT NULL OR (job.status = 'created' AND job.next_run_at <= now()))
          AND NOT EXISTS (
            SELECT FROM run
            WHERE job_id = job.id AND finished_at IS NULL AND next_attempt_at IS NULL)
        ORDER BY place LIMIT :batch FOR NO KEY UPDATE OF job SKIP LOCKED
    ), due AS MATERIALIZED (
        SELECT *, run_id IS NULL AS is_new, coalesce(run_id, gen_random_uuid()) AS its_run
        FROM (SELECT *, row_number() OVER (ORDER BY place) AS nth FROM locked) AS locked
        WHERE nth <= free
    ), made AS (
        INSERT INTO run (id, job_id, scheduled_for, waiting_since, priority, status, attempt,
                         lease_until)
        SELECT its_run, id, next_run_at, next_run_at, level, 'created', 0, now() + :lease
        FROM due WHERE is_new
        ON CONFLICT (job_id, scheduled_for) DO NOTHING
        RETURNING id
    ), again AS (
        UPDATE run SET next_attempt_at = NULL, waiting_since = run.next_attempt_at,
                       priority = due.level, lease_until = now() + :lease
        FROM due WHERE run.id = ANY(ARRAY(SELECT run_id FROM due WHERE NOT is_new))
          AND run.id = due.run_id AND run.status = 'queued' AND run.next_attempt_at = since
        RETURNING run.id
    )
    SELECT {_MESSAGE_COLUMNS}, level, its_run AS run_id, CASE WHEN is_new THEN 1
        ELSE (SELECT attempt + 1 FROM run WHERE run.id = its_run) END AS attempt
    FROM due AS job
    -- Not joined, which would go through all runs for each.
    WHERE its_run IN (SELECT id FROM made) OR its_run IN (SELECT id FROM again)
    ORDER BY place""",
    window="int",
    batch="int",
    ahead="int",
    ageing="interval",
    lease="interval",
)

# A message cannot be given another priority: it is published once more, and the claim decides.
_TAKE_STRANDED = text(f"""
    WITH outstanding AS MATERIALIZED (
        SELECT run.id, job_id, status, run.priority, lease_until, CASE WHEN row_number() OVER (
                PARTITION BY status = 'processing', creator_id, job.priority
                ORDER BY run.priority DESC, waiting_since, job_id) = 1
            THEN {_level("job.priority", "waiting_since")} ELSE run.priority END AS level
        FROM run CROSS JOIN LATERAL ({_JOB_OF_RUN}) AS job
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
    SELECT {_MESSAGE_COLUMNS}, run.id AS run_id, run.attempt + 1 AS attempt, level
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
        WHERE finished_at IS NULL AND next_attempt_at IS NULL
          AND status = 'queued' AND lease_until <= now()
        FOR NO KEY UPDATE SKIP LOCKED)
""")


def take_due(connection: Connection, window: int, ageing: timedelta) -> Sequence[Row[Any]]:
    """Take the runs that are next and return them in the order in which they are to be published.

    Next is the highest effective priority (`level`): the job's, and for the first in each user's
    line one more for each `ageing` that it has waited since it was due, or since its next attempt
    was. At equal level a user's n-th run, those at the broker counted, is after every other user's
    n-1 first; then first come, first served. Of each level at most `window` runs, counting those
    above it, may be outstanding at the broker; what does not fit waits in the ledger. At most
    BATCH are taken at once.

    Rows hold the job, `run_id`, `attempt` and `level`.
    """
    batch = min(window, BATCH)
    values = {"window": window, "batch": batch, "ahead": 2 * batch, "ageing": ageing}
    return _TAKE_DUE.run(connection, values | {"lease": PUBLISH_LEASE})


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
