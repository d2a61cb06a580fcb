"""The reads of the ledger."""

from sqlalchemy import Connection, text

_NEXT_RUN = text("""
    SELECT extract(epoch FROM least(
        (SELECT min(next_run_at) FROM job WHERE status = 'created' AND next_run_at > now()),
        (SELECT min(next_attempt_at) FROM run WHERE status = 'queued' AND next_attempt_at > now())
    ) - now())
""")

_UNCLAIMED_PAST_LEASE = text("""
    SELECT count(*) FILTER (WHERE coalesce(next_attempt_at, lease_until) <= now()) AS past,
           count(*) AS queued
    FROM run WHERE status = 'queued' AND next_attempt_at IS NULL
""")


def seconds_to_next_run(connection: Connection) -> float | None:
    """Return the seconds until the next run or attempt becomes due; None when none waits."""
    seconds = connection.execute(_NEXT_RUN).scalar()
    return None if seconds is None else float(seconds)


def count_unclaimed_past_lease(connection: Connection) -> int:
    """Return how many runs are queued at the broker, or 0 while none of them is past its lease."""
    row = connection.execute(_UNCLAIMED_PAST_LEASE).one()
    return int(row.queued) if row.past else 0
