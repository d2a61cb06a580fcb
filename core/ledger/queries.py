"""The reads of the ledger."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, cast, func, select, text

from core import official_page
from core.ledger.models import Base, Status
from core.ledger.prepared import Prepared

_JOB = Base.metadata.tables["job"]
_RUN = Base.metadata.tables["run"]
_IMPORT = Base.metadata.tables["job_import"]
_RESULT = Base.metadata.tables["result"]

# What people see of a job, in this order; the rest is the ledger's own.
JOB_FIELDS = (
    *("id", "title", "description", "cpf_cnpj", "date", "priority", "status", "recurrence"),
    *("creator_id", "creator_email", "created", "updated", "next_run_at", "paused"),
)
JOB_COLUMNS = tuple(_JOB.c[name] for name in JOB_FIELDS)

_ONE_JOB = select(*JOB_COLUMNS).where(
    _JOB.c.id == bindparam("job_id"), _JOB.c.creator_id == bindparam("creator")
)

_NEXT_RUN = Prepared(
    "next_run",
    """
    SELECT extract(epoch FROM least(
        (SELECT min(next_run_at) FROM job
         WHERE status = 'created' AND next_run_at > now() - :since),
        (SELECT min(next_attempt_at) FROM run WHERE next_attempt_at > now() - :since),
        (SELECT min(lease_until) FROM run
         WHERE finished_at IS NULL AND next_attempt_at IS NULL AND lease_until > now()),
        now() + :longest
    ) - now()) AS seconds""",
    longest="interval",
    since="interval",
)

_UNCLAIMED_PAST_LEASE = text("""
    SELECT count(*) FILTER (WHERE lease_until <= now()) AS past, count(*) AS queued
    FROM run WHERE finished_at IS NULL AND next_attempt_at IS NULL AND status = 'queued'
""")

# Only what has ended in an error may wait for a person; of a recurring job, its last occurrence.
_WAITING = text("""
    SELECT job.* FROM job CROSS JOIN LATERAL (
        SELECT status, error_code FROM run WHERE job_id = job.id ORDER BY scheduled_for DESC LIMIT 1
    ) AS last
    WHERE creator_id = :creator_id
      AND (job.status = 'error' OR job.status = 'created' AND recurrence IS NOT NULL)
      AND last.status = 'error' AND error_code = ANY(:codes)
    ORDER BY job.id LIMIT :limit
""")

_COUNT_PAGES = text("""
    SELECT count(*) FROM uploaded_page JOIN run ON run.id = run_id JOIN job ON job.id = run.job_id
    WHERE creator_id = :creator_id
""")

# A minute's questions are logged; those of the last minute are what counts against the limit.
_SOURCES = text("""
    SELECT name, per_minute,
        CASE WHEN open_until > now() THEN 'open' WHEN open_until IS NOT NULL THEN 'half_open'
            WHEN paused_until > now() THEN 'paused' ELSE 'closed' END AS state,
        greatest(open_until, paused_until) AS until,
        CASE WHEN per_minute > 0 THEN greatest(per_minute - (
            SELECT count(*) FROM unnest(admitted) AS moment
            WHERE moment > now() - interval '1 minute'), 0) END AS rate_left,
        CASE WHEN asked > 0 THEN 1000 * seconds / asked END AS latency_ms,
        CASE WHEN asked > 0 THEN failed / asked END AS error_share,
        last_error, last_error_at, last_success_at
    FROM source_health ORDER BY name
""")

# A worker tells every ten seconds that it is there; after three of them it is missing.
_WORKERS = text("""
    SELECT name, kind, host, slots, started_at, seen_at,
        seen_at < now() - interval '30 seconds' AS missing,
        CASE WHEN kind = 'lookups' THEN (
            SELECT count(*) FROM run
            WHERE finished_at IS NULL AND next_attempt_at IS NULL AND worker = worker_seen.name
        ) END AS at_work
    FROM worker_seen ORDER BY kind, started_at, name
""")


def seconds_to_next_run(connection: Connection, longest: float, since: float = 0.0) -> float:
    """Return the seconds until a job or an attempt is due or a lease ends, `longest` at most.

    They are negative for what has become due in the last `since` seconds; what has before is no
    reason to wait.
    """
    values = {"longest": timedelta(seconds=longest), "since": timedelta(seconds=since)}
    (row,) = _NEXT_RUN.run(connection, values)
    return float(row.seconds)


def count_unclaimed_past_lease(connection: Connection) -> int:
    """Return how many runs are queued at the broker, or 0 while none of them is past its lease."""
    row = connection.execute(_UNCLAIMED_PAST_LEASE).one()
    return int(row.queued) if row.past else 0


def interrupted(
    connection: Connection, run_ids: Sequence[uuid.UUID], worker: str
) -> set[uuid.UUID]:
    """Return which of these runs another worker has claimed and not settled."""
    elsewhere = (_RUN.c.status == Status.PROCESSING) & (_RUN.c.worker != worker)
    found = connection.execute(select(_RUN.c.id).where(_RUN.c.id.in_(run_ids), elsewhere))
    return set(found.scalars())


def oldest_queued(connection: Connection) -> datetime | None:
    """Return when the run that waits longest at the broker was queued; None when none waits."""
    is_open = _RUN.c.finished_at.is_(None) & _RUN.c.next_attempt_at.is_(None)
    waiting = is_open & (_RUN.c.status == Status.QUEUED)
    return connection.execute(select(func.min(_RUN.c.queued_at)).where(waiting)).scalar()


def count_open_jobs(connection: Connection, creator_id: str, limit: int) -> int:
    """Return how many jobs of a user have not ended, `limit` for that many or more."""
    is_open = _JOB.c.status.in_([Status.CREATED, Status.QUEUED, Status.PROCESSING])
    some = select(_JOB.c.id).where(_JOB.c.creator_id == creator_id, is_open).limit(limit)
    return connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def count_imports(connection: Connection, creator_id: str, seconds: int) -> int:
    """Return how many tables a user has sent in the last so many seconds."""
    recent = _IMPORT.c.created > func.now() - timedelta(seconds=seconds)
    mine = select(func.count()).where(_IMPORT.c.creator_id == creator_id, recent)
    return connection.execute(mine).scalar_one()


def find_job(connection: Connection, job_id: int, creator_id: str) -> Row[Any] | None:
    """Return a job of this creator, its JOB_FIELDS, or None."""
    return connection.execute(_ONE_JOB, {"job_id": job_id, "creator": creator_id}).first()


def list_runs(connection: Connection, job_id: int, page: int, per_page: int) -> Sequence[Row[Any]]:
    """Return one page of a job's runs, latest first, with `duration_ms` and `uploaded`."""
    spent = func.extract("epoch", _RUN.c.finished_at - _RUN.c.started_at) * 1000
    return connection.execute(
        select(
            _RUN,
            cast(spent, BigInteger).label("duration_ms"),
            _RUN.c.page_digest.is_not(None).label("uploaded"),
        )
        .where(_RUN.c.job_id == job_id)
        .order_by(_RUN.c.scheduled_for.desc())
        .limit(per_page)
        .offset(_skip(page, per_page))
    ).all()


def list_waiting(connection: Connection, creator_id: str, limit: int) -> Sequence[Row[Any]]:
    """Return the first jobs of a user that wait for a page which a person gives."""
    values = {"creator_id": creator_id, "codes": list(official_page.WAITING), "limit": limit}
    return connection.execute(_WAITING, values).all()


def count_pages(connection: Connection, creator_id: str) -> int:
    """Return how many pages that a user gave are still to be read."""
    return int(connection.execute(_COUNT_PAGES, {"creator_id": creator_id}).scalar_one())


def list_results(
    connection: Connection, creator_id: str, job_id: int | None, page: int, per_page: int
) -> Sequence[Row[Any]]:
    """Return one page of the creator's results, of one job or of all, newest first."""
    owner = _RESULT.c.creator_id == creator_id
    wanted = owner if job_id is None else owner & (_RESULT.c.job_id == job_id)
    return connection.execute(
        select(_RESULT)
        .where(wanted)
        .order_by(_RESULT.c.id.desc())
        .limit(per_page)
        .offset(_skip(page, per_page))
    ).all()


def list_sources(connection: Connection) -> Sequence[Row[Any]]:
    """Return the health of each source that a worker has used.

    `state` is `closed` (asked normally), `paused` (it asked us to wait), `open` (it failed and is
    left alone) or `half_open` (one worker at a time tries it), the middle two until `until`.
    `rate_left` is how many questions this minute still bears, null without a limit; `latency_ms`
    and `error_share` tell of the last ten minutes or so.
    """
    return connection.execute(_SOURCES).all()


def list_workers(connection: Connection) -> Sequence[Row[Any]]:
    """Return the workers, mailers and dispatchers that were there in the last hour.

    `missing` tells that one has given no sign of life for 30 seconds; `at_work` is how many runs
    a worker holds, null for the others.
    """
    return connection.execute(_WORKERS).all()


def _skip(page: int, per_page: int) -> int:
    return (page - 1) * per_page
