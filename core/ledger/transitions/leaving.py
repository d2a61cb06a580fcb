"""What happens when a person leaves: all that they have scheduled stops, and no mail goes out."""

from sqlalchemy import Connection, text

from core.ledger.transitions import preferences
from core.ledger.transitions.mails import drop_mails

# Jobs in the order in which all transactions lock them.
_LOCK_OPEN = text("""
    SELECT id FROM job
    WHERE creator_id = :creator_id AND status IN ('created', 'queued', 'processing')
    ORDER BY id FOR NO KEY UPDATE
""")

_CANCEL = text("""
    WITH ended AS (
        UPDATE run SET status = 'cancelled', finished_at = now(), next_attempt_at = NULL,
                       lease_until = NULL
        WHERE job_id = ANY(CAST(:job_ids AS bigint[]))
          AND status IN ('created', 'queued', 'processing')
        RETURNING id
    ), forgotten AS (
        DELETE FROM uploaded_page USING ended WHERE run_id = ended.id
    )
    UPDATE job SET status = 'cancelled', next_run_at = NULL, paused = false, updated = now()
    WHERE id = ANY(CAST(:job_ids AS bigint[]))
""")


def end_all(connection: Connection, creator_id: str) -> None:
    """Cancel a user's jobs that have not ended, drop their mails, end summary and calendar feed.

    Unlike those that a person cancels, these get no end mail. What has ended stays. May be
    repeated.
    """
    # A statement of its own: one that waits for a job does not see the run that was made meanwhile.
    job_ids = connection.execute(_LOCK_OPEN, {"creator_id": creator_id}).scalars().all()
    connection.execute(_CANCEL, {"job_ids": list(job_ids)})
    preferences.set_summary(connection, creator_id, wanted=False)
    preferences.set_calendar_token(connection, creator_id, None)
    drop_mails(connection, creator_id)
