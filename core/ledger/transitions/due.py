"""What is due and whose turn it is: the runs that the dispatcher makes next (ADR 7)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row

from core.ledger.models import MAX_PRIORITY
from core.ledger.prepared import Prepared
from core.ledger.transitions import PUBLISH_LEASE

# How many runs are taken in one transaction at most; a smaller window takes as many as it holds.
BATCH = 128
# How many may be open, and due, while there is nothing to choose.
FEW = 8

# What a message says of a job; beside it goes the run.
MESSAGE_COLUMNS = """
    job.id, job.title, job.description, job.cpf_cnpj, job.date, job.priority, job.creator_id,
    job.creator_email, job.request_id
"""


def level(priority: str, since: str) -> str:
    """Return the SQL of the effective priority: one level more for each `:ageing` waited."""
    waited = f"extract(epoch FROM now() - {since}) / extract(epoch FROM CAST(:ageing AS interval))"
    return f"least({MAX_PRIORITY}, {priority} + floor({waited}))::int"


def _ripe(level: str) -> str:
    """Return the SQL of when a job of `priority` was due at the latest to be at that level now."""
    return f"now() - greatest({level} - priority, 0) * CAST(:ageing AS interval)"


# Its limit keeps it a look-up by key, which a join with the few rows around it need not be.
JOB_OF_RUN = "SELECT creator_id, priority FROM job WHERE id = job_id LIMIT 1"

# What is at the broker or on its way there.
_HELD = f"""
    held AS MATERIALIZED (
        SELECT run.priority AS level, job.creator_id, job.priority, count(*) AS runs,
               array_agg(job_id) FILTER (WHERE status = 'created') AS jobs
        FROM run CROSS JOIN LATERAL ({JOB_OF_RUN}) AS job
        WHERE finished_at IS NULL AND next_attempt_at IS NULL AND status <> 'processing'
        GROUP BY run.priority, job.creator_id, job.priority
    )"""

# Of a user's runs only the first in line rises: the others wait for that one.
_RISEN = f"""
    CASE WHEN row_number() OVER (PARTITION BY creator_id, priority ORDER BY since, id) = 1
            AND NOT EXISTS (SELECT FROM held
                WHERE creator_id = waiting.creator_id AND priority = waiting.priority)
        THEN {level("priority", "since")} ELSE priority END
"""

# A job that somebody waits for: with few open, few due and room for all nothing has to be chosen.
# Merely to begin the next statement takes PostgreSQL nearly as long as all of this one.
_TAKE_FEW = Prepared(
    "take_few",
    f"""
    WITH {_HELD}, due AS MATERIALIZED (
        SELECT job.* FROM generate_series(0, {MAX_PRIORITY}) AS each(priority)
        CROSS JOIN LATERAL (
            SELECT {MESSAGE_COLUMNS}, next_run_at AS since, gen_random_uuid() AS run_id FROM job
            WHERE status = 'created' AND job.priority = each.priority AND next_run_at <= now()
              AND NOT EXISTS (
                SELECT FROM run
                WHERE job_id = job.id AND finished_at IS NULL AND next_attempt_at IS NULL)
            ORDER BY next_run_at, id LIMIT :few + 1 FOR NO KEY UPDATE SKIP LOCKED) AS job
        WHERE (SELECT count(*) FROM (
                SELECT FROM run WHERE finished_at IS NULL AND next_attempt_at IS NULL
                LIMIT :few + 1) AS open) <= :few
          AND NOT EXISTS (SELECT FROM run WHERE next_attempt_at <= now())
    ), levelled AS MATERIALIZED (
        SELECT *, {_RISEN} AS level FROM due AS waiting
        WHERE (SELECT count(*) FROM due)
            <= least(:few, :window - (SELECT coalesce(sum(runs), 0) FROM held))
    ), made AS (
        INSERT INTO run (id, job_id, scheduled_for, waiting_since, priority, status, attempt,
                         lease_until)
        SELECT run_id, id, since, since, level, 'created', 0, now() + :lease FROM levelled
        ON CONFLICT (job_id, scheduled_for) DO NOTHING
        RETURNING id
    )
    SELECT {MESSAGE_COLUMNS}, level, run_id, 1 AS attempt FROM levelled AS job
    WHERE run_id IN (SELECT id FROM made)
    ORDER BY level DESC, row_number() OVER (PARTITION BY level, creator_id ORDER BY since, id) + (
        SELECT coalesce(sum(runs), 0) FROM held
        WHERE held.level = job.level AND creator_id = job.creator_id), since, id""",
    window="int",
    few="int",
    ageing="interval",
    lease="interval",
)

# Which run is next. The parts, in order: what is at the broker or on its way there, and how much
# room that leaves each level; the lowest level to look at, the one down to which the highest
# priorities fill the batch alone; who waits, first come first served within a priority; where that
# leaves jobs of this level unseen, each user's first ones, found by skipping from user to user in
# an index; whose turn it is.
_TAKE_DUE = Prepared(
    "take_due",
    f"""
    WITH RECURSIVE {_HELD}, on_its_way AS MATERIALIZED (
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
        SELECT *, {_RISEN} AS level FROM waiting
    ), share AS (
        SELECT level, creator_id, sum(runs)::int AS runs FROM held GROUP BY level, creator_id
    ), candidate AS (
        SELECT *, row_number() OVER (ORDER BY level DESC, turn, since, id) AS place FROM (
            SELECT levelled.*, free, coalesce(runs, 0) + row_number() OVER (
                PARTITION BY level, creator_id ORDER BY since, id) AS turn
            FROM levelled JOIN room USING (level) LEFT JOIN share USING (level, creator_id)
            WHERE free > 0) AS with_turn
    ), locked AS (
        SELECT {MESSAGE_COLUMNS}, next_run_at, run_id, since, level, place, free
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
    SELECT {MESSAGE_COLUMNS}, level, its_run AS run_id, CASE WHEN is_new THEN 1
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
    values = {"window": window, "ageing": ageing, "lease": PUBLISH_LEASE}
    few = _TAKE_FEW.run(connection, values | {"few": FEW})
    return few or _TAKE_DUE.run(connection, values | {"batch": batch, "ahead": 2 * batch})
