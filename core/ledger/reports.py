"""What a user's jobs add up to, and what is known of a company."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, TextClause, select, text

from core.clock import SAO_PAULO, utc_now
from core.ledger.models import FINAL, Base
from core.remembered import Remembered

_RESULT = Base.metadata.tables["result"]
_PREFERENCE = Base.metadata.tables["preference"]
_JOB = Base.metadata.tables["job"]
MAX_CALENDAR_JOBS = 1_000
# Of whom there are so many jobs or runs to count, what has passed is counted once in so long.
MANY = 10_000
MANY_SECONDS = 60.0

_BY_STATUS = text("""
    SELECT status, count(*) AS jobs FROM job WHERE creator_id = :creator_id GROUP BY status
""")

_OPEN_BY_STATUS = text("""
    SELECT status, count(*) AS jobs FROM job
    WHERE creator_id = :creator_id AND status IN ('created', 'queued', 'processing')
    GROUP BY status
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


class Figures(NamedTuple):
    """What a user's jobs add up to: jobs by status, runs by day in São Paulo, and how long.

    Each of `by_day` is a day and its counts by outcome. `latency` is how many runs ended, and the
    median and 95th percentile of their `wait` (from being due to the start) and `work` (to the
    end), in seconds, null without runs.
    """

    by_status: dict[str, int]
    by_day: Sequence[Row[Any]]
    latency: Row[Any]


# By database, user, how many days, and the begin of the present one; a row for each day, up to 366.
_passed = Remembered[tuple[str | None, str, int, datetime], Figures](MANY_SECONDS, most=100)


def figures(connection: Connection, creator_id: str, days: int) -> Figures:
    """Return what a user's jobs add up to, with their runs of the last so many days.

    Of whom there is much to count (MANY), jobs that have ended, days before today and `latency`
    are as they were at most MANY_SECONDS ago; open jobs and today are counted each time.
    """
    now = utc_now()
    today = now.astimezone(SAO_PAULO).replace(hour=0, minute=0, second=0, microsecond=0)
    key = (connection.engine.url.database, creator_id, days, today)
    passed = _passed.get(key)
    if passed is not None:
        ended = {status: jobs for status, jobs in passed.by_status.items() if status in FINAL}
        before = [day for day in passed.by_day if day.day < today.date()]
        return Figures(
            ended | _by_status(connection, _OPEN_BY_STATUS, creator_id),
            [*before, *_by_day(connection, creator_id, today)],
            passed.latency,
        )
    since = now - timedelta(days=days)
    found = Figures(
        _by_status(connection, _BY_STATUS, creator_id),
        _by_day(connection, creator_id, since),
        connection.execute(_LATENCY, {"creator_id": creator_id, "since": since}).one(),
    )
    if sum(found.by_status.values()) >= MANY or found.latency.runs >= MANY:
        _passed.put(key, found)
    return found


def _by_status(connection: Connection, query: TextClause, creator_id: str) -> dict[str, int]:
    return {row.status: row.jobs for row in connection.execute(query, {"creator_id": creator_id})}


def _by_day(connection: Connection, creator_id: str, since: datetime) -> Sequence[Row[Any]]:
    return connection.execute(_BY_DAY, {"creator_id": creator_id, "since": since}).all()


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
