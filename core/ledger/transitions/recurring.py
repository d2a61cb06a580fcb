"""What the end of an occurrence does to a recurring job."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from core.clock import utc_now
from core.ledger import recurrence

_GO_ON = text("""
    UPDATE job SET status = 'created', date = :date, recurrence = :recurrence,
                   next_run_at = CASE WHEN NOT paused THEN CAST(:date AS timestamptz) END
    WHERE id = :id
""")


def go_on(connection: Connection, jobs: Sequence[Row[Any]]) -> None:
    """Schedule the next occurrence of recurring jobs whose run has just ended.

    Rows hold job_id, recurrence and date, and the caller has locked the jobs. Occurrences that
    were missed are passed over; one that was run early by hand leaves the next date as it is. A
    job without another occurrence stays as its last run has left it.
    """
    now = utc_now()
    for job in jobs:
        coming: tuple[datetime, str] | None = (job.date, job.recurrence)
        if job.date <= now:
            coming = recurrence.following(job.recurrence, job.date, now)
        if coming is not None:
            date, rule = coming
            connection.execute(_GO_ON, {"id": job.job_id, "date": date, "recurrence": rule})
