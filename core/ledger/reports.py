"""What a user's jobs add up to, and what is known of a company."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, text

from core.ledger.models import Base

_RESULT = Base.metadata.tables["result"]
_PREFERENCE = Base.metadata.tables["preference"]
_JOB = Base.metadata.tables["job"]
MAX_CALENDAR_JOBS = 1_000

_BY_STATUS = text("""
    SELECT status, count(*) AS jobs FROM job WHERE creator_id = :creator_id GROUP BY status
""")

_BY_DAY = text("""
    SELECT CAST(run.scheduled_for AT TIME ZONE 'America/Sao_Paulo' AS date) AS day,
           count(*) FILTER (WHERE run.status = 'processed') AS processed,
           count(*) FILTER (WHERE run.status = 'error') AS error,
           count(*) FILTER (WHERE run.status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE run.status NOT IN ('processed', 'error', 'cancelled')) AS open
    FROM run JOIN job ON job.id = run.job_id
    WHERE job.creator_id = :creator_id AND run.scheduled_for >= :since
    GROUP BY 1 ORDER BY 1
""")

_LATENCY = text("""
    SELECT count(*) AS runs,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY
               extract(epoch FROM run.started_at - run.scheduled_for)) AS wait,
           percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY
               extract(epoch FROM run.finished_at - run.started_at)) AS work
    FROM run JOIN job ON job.id = run.job_id
    WHERE job.creator_id = :creator_id AND run.scheduled_for >= :since
      AND run.started_at IS NOT NULL AND run.finished_at IS NOT NULL
""")

_IMPORTS = """
    SELECT job_import.id, job_import.created, lines, made, by_status, next_run_at
    FROM job_import CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_object_agg(status, jobs), '{}') AS by_status,
               min(next_run_at) AS next_run_at
        FROM (SELECT status, count(*) AS jobs, min(next_run_at) AS next_run_at
              FROM job WHERE import_id = job_import.id GROUP BY status) AS counted
    ) AS progress
    WHERE creator_id = :creator_id
"""
_LIST_IMPORTS = text(
    f"{_IMPORTS} ORDER BY job_import.created DESC, id DESC LIMIT :limit OFFSET :skip"
)
_ONE_IMPORT = text(f"{_IMPORTS} AND id = :id")


def jobs_by_status(connection: Connection, creator_id: str) -> dict[str, int]:
    """Return how many jobs of a user are in each status that any is in."""
    rows = connection.execute(_BY_STATUS, {"creator_id": creator_id})
    return {row.status: row.jobs for row in rows}


def runs_by_day(connection: Connection, creator_id: str, since: datetime) -> Sequence[Row[Any]]:
    """Return the runs of each day in São Paulo since a moment, as day and counts by outcome."""
    return connection.execute(_BY_DAY, {"creator_id": creator_id, "since": since}).all()


def latency(connection: Connection, creator_id: str, since: datetime) -> Row[Any]:
    """Return how many runs ended, and the median and 95th percentile of their waits and work.

    `wait` (from being due to the start) and `work` (to the end) are in seconds, null without runs.
    """
    return connection.execute(_LATENCY, {"creator_id": creator_id, "since": since}).one()


def company_results(
    connection: Connection, creator_id: str, cnpj: str, limit: int, skip: int
) -> Sequence[Row[Any]]:
    """Return a user's results of a company, newest first."""
    mine = (_RESULT.c.creator_id == creator_id) & (_RESULT.c.cnpj == cnpj)
    wanted = select(_RESULT).where(mine).order_by(_RESULT.c.id.desc())
    return connection.execute(wanted.limit(limit).offset(skip)).all()


def preference(connection: Connection, creator_id: str) -> Row[Any] | None:
    """Return what a user prefers, None for what is usual."""
    mine = _PREFERENCE.c.creator_id == creator_id
    return connection.execute(select(_PREFERENCE).where(mine)).first()


def calendar_jobs(
    connection: Connection, token_hash: str, since: datetime
) -> Sequence[Row[Any]] | None:
    """Return the jobs from a moment on of whom a calendar token belongs to, None for nobody.

    The earliest MAX_CALENDAR_JOBS, without those that were cancelled.
    """
    owner = select(_PREFERENCE.c.creator_id).where(_PREFERENCE.c.calendar_token_hash == token_hash)
    creator_id = connection.execute(owner).scalar()
    if creator_id is None:
        return None
    wanted = select(_JOB).where(
        _JOB.c.creator_id == creator_id, _JOB.c.date >= since, _JOB.c.status != "cancelled"
    )
    return connection.execute(wanted.order_by(_JOB.c.date).limit(MAX_CALENDAR_JOBS)).all()


def list_imports(
    connection: Connection, creator_id: str, limit: int, skip: int
) -> Sequence[Row[Any]]:
    """Return a user's imports, newest first, each with how far its jobs are.

    `made` is how many jobs it made, `by_status` how many of them are in each status that any is
    in, `next_run_at` when the next of them is due; those that were deleted are in none.
    """
    values = {"creator_id": creator_id, "limit": limit, "skip": skip}
    return connection.execute(_LIST_IMPORTS, values).all()


def find_import(connection: Connection, creator_id: str, import_id: int) -> Row[Any] | None:
    """Return an import of a user as `list_imports` does, or None."""
    return connection.execute(_ONE_IMPORT, {"creator_id": creator_id, "id": import_id}).first()
