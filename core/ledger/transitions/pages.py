"""What becomes of the pages that people give for runs which the sources would not answer."""

import hashlib
import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, text

from core import official_page
from core.ledger.connection import JOB_CHANNEL
from core.ledger.models import Status
from core.ledger.transitions.people import JobNotFoundError, JobUnderWayError, TransitionError


class NotWaitingError(TransitionError):
    """The job's last run did not end for want of a person, so no page is needed."""


_LOCK = text("SELECT id FROM job WHERE id = :id AND creator_id = :creator_id FOR NO KEY UPDATE")

_LAST_RUN = text("""
    SELECT status, error_code, page_digest FROM run
    WHERE job_id = :id ORDER BY scheduled_for DESC LIMIT 1
""")

# Due at once, as a run whose message was lost: the dispatcher publishes it like any of those.
_MAKE_RUN = text(f"""
    WITH made AS (
        INSERT INTO run (id, job_id, scheduled_for, priority, status, attempt, lease_until,
                         page_digest)
        SELECT gen_random_uuid(), id, now(), priority, 'created', 0, now(), :digest
        FROM job WHERE id = :id
        RETURNING id
    ), kept AS (
        INSERT INTO uploaded_page (run_id, content) SELECT id, :content FROM made
    )
    UPDATE job SET status = 'created', updated = now() WHERE id = :id
    RETURNING pg_notify('{JOB_CHANNEL}', '')
""")

_FORGET = text("DELETE FROM uploaded_page WHERE run_id = ANY(CAST(:run_ids AS uuid[]))")

_OPEN = frozenset({Status.CREATED, Status.QUEUED, Status.PROCESSING})


def give_page(connection: Connection, job_id: int, creator_id: str, content: bytes) -> None:
    """Make a run of a job whose last one waits for a person, to be read from this page alone.

    The same page once more changes nothing while it is being read or when it has been read well.
    A recurring job keeps its next date, also a paused one. Raises JobNotFoundError,
    JobUnderWayError, NotWaitingError.
    """
    mine = {"id": job_id, "creator_id": creator_id}
    if connection.execute(_LOCK, mine).first() is None:
        raise JobNotFoundError
    run = connection.execute(_LAST_RUN, {"id": job_id}).first()
    if run is None:
        raise NotWaitingError
    digest = hashlib.sha256(content).hexdigest()
    if run.page_digest == digest and run.status in _OPEN | {Status.PROCESSED}:
        return
    if run.status in _OPEN:
        raise JobUnderWayError
    if run.status != Status.ERROR or run.error_code not in official_page.WAITING:
        raise NotWaitingError
    connection.execute(_MAKE_RUN, {"id": job_id, "digest": digest, "content": content})


def forget_pages(connection: Connection, run_ids: Sequence[uuid.UUID]) -> None:
    """Delete the pages of runs that have ended."""
    connection.execute(_FORGET, {"run_ids": list(run_ids)})
