"""What people do with jobs: create, edit, pause, run now, cancel, delete."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from core.ledger import recurrence
from core.ledger.connection import JOB_CHANNEL
from core.ledger.models import FINAL, Status
from core.ledger.prepared import Prepared
from core.ledger.queries import JOB_COLUMNS, JOB_FIELDS
from core.ledger.transitions.mails import queue_finished_mail


class TransitionError(Exception):
    """The change that was asked for is not possible in the present state."""


class JobNotFoundError(TransitionError):
    """There is no such job, or it belongs to somebody else."""


class JobStartedError(TransitionError):
    """The job has started, so it can no longer be changed."""


class JobEndedError(TransitionError):
    """The job has ended, so there is nothing to cancel or pause."""


class JobUnderWayError(TransitionError):
    """The job waits in the queue or is at work already."""


class NoOccurrenceError(TransitionError):
    """The recurrence has no occurrence at or after the job's date."""


@dataclass(frozen=True)
class NewJob:
    """A job as somebody asked for it; `date` is aware, `cpf_cnpj` has 14 characters."""

    title: str
    description: str
    cpf_cnpj: str
    date: datetime
    priority: int
    creator_id: str
    creator_email: str
    recurrence: str | None = None
    idempotency_key: str | None = None
    request_id: str = ""
    import_id: int | None = None


_SHOWN = ", ".join(JOB_FIELDS)
_TEXTS = (
    *("title", "description", "cpf_cnpj", "recurrence"),
    *("creator_id", "creator_email", "idempotency_key", "request_id"),
)

_TAKE_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('jobs:' || :creator_id, 0))")

# One statement, so that it needs no transaction around it.
_CREATE = Prepared(
    "create_job",
    f"""
    INSERT INTO job (title, description, cpf_cnpj, date, priority, status, recurrence, next_run_at,
                     creator_id, creator_email, idempotency_key, request_id, import_id)
    VALUES (:title, :description, :cpf_cnpj, :date, :priority, 'created', :recurrence,
            greatest(:date, now()), :creator_id, :creator_email, :idempotency_key, :request_id,
            :import_id)
    ON CONFLICT (creator_id, idempotency_key) DO NOTHING
    RETURNING {_SHOWN}, CASE WHEN next_run_at <= now() + interval '2 seconds'
                             THEN pg_notify('{JOB_CHANNEL}', '') END AS told""",
    **dict.fromkeys(_TEXTS, "text"),
    date="timestamptz",
    priority="int",
    import_id="bigint",
)

_FIND_BY_KEY = text(f"""
    SELECT {_SHOWN} FROM job WHERE creator_id = :creator_id AND idempotency_key = :idempotency_key
""").columns(*JOB_COLUMNS)

_LOCK = text("SELECT * FROM job WHERE id = :id AND creator_id = :creator_id FOR NO KEY UPDATE")

_UNFINISHED_RUN = text("""
    SELECT id, status, started_at, scheduled_for FROM run
    WHERE job_id = :id AND status IN ('created', 'queued', 'processing')
    ORDER BY scheduled_for DESC LIMIT 1 FOR NO KEY UPDATE
""")

_RESCHEDULE = text(f"""
    WITH withdrawn AS (DELETE FROM run WHERE id = :run_id)
    UPDATE job
    SET title = :title, description = :description, cpf_cnpj = :cpf_cnpj, date = :date,
        priority = :priority, recurrence = :recurrence, status = 'created', updated = now(),
        next_run_at = CASE WHEN NOT paused
            THEN coalesce(CAST(:place AS timestamptz), greatest(:date, now())) END
    WHERE id = :id
    RETURNING pg_notify('{JOB_CHANNEL}', '')
""")

_CANCEL = text("""
    UPDATE job SET status = 'cancelled', next_run_at = NULL, paused = false, updated = now()
    WHERE id = :id
""")

_CANCEL_RUN = text("""
    WITH forgotten AS (DELETE FROM uploaded_page WHERE run_id = :id)
    UPDATE run SET status = 'cancelled', finished_at = now(), next_attempt_at = NULL,
                   lease_until = NULL
    WHERE id = :id
""")

_PAUSE = text("""
    WITH withdrawn AS (DELETE FROM run WHERE id = :run_id)
    UPDATE job SET paused = true, next_run_at = NULL, updated = now(),
                   status = CASE WHEN :started THEN status ELSE 'created' END
    WHERE id = :id
""")

_RESUME = text(f"""
    UPDATE job SET paused = false, updated = now(),
                   next_run_at = CASE WHEN status = 'created' AND NOT EXISTS (
                       SELECT FROM run WHERE job_id = job.id
                       AND run.status IN ('created', 'queued', 'processing')
                   ) THEN greatest(date, now()) END
    WHERE id = :id
    RETURNING pg_notify('{JOB_CHANNEL}', '')
""")

_RUN_NOW = text(f"""
    UPDATE job SET status = 'created', next_run_at = now(), updated = now(),
                   date = CASE WHEN recurrence IS NULL THEN now() ELSE date END,
                   paused = paused AND recurrence IS NOT NULL
    WHERE id = :id
    RETURNING pg_notify('{JOB_CHANNEL}', '')
""")

# Jobs in the order in which all transactions lock them.
_MOVE_MAILS = text("""
    WITH locked AS MATERIALIZED (
        SELECT id FROM job
        WHERE creator_id = :creator_id AND creator_email <> :email
          AND status IN ('created', 'queued', 'processing')
        ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE job SET creator_email = :email FROM locked WHERE job.id = locked.id
""")


def move_mails(connection: Connection, creator_id: str, email: str) -> None:
    """Let the mails about a user's jobs that have not ended go to another address from now on."""
    connection.execute(_MOVE_MAILS, {"creator_id": creator_id, "email": email})


def take_turn(connection: Connection, creator_id: str) -> None:
    """Wait until nobody else has the turn of this user; it ends with the transaction.

    Who counts what the user has takes it, so that each sees what those before it made; and imports,
    so that two tables with the same rows in another order do not wait for one another.
    """
    connection.execute(_TAKE_TURN, {"creator_id": creator_id})


def create_job(connection: Connection, new: NewJob) -> tuple[Row[Any], bool]:
    """Insert a job and return its JOB_FIELDS and whether it is new.

    A job that the same creator made with the same idempotency key is found instead of made twice.
    A date that has passed makes the job due now, after those that are due already; a recurring
    job's becomes its first occurrence. Raises NoOccurrenceError.
    """
    values = {**vars(new), "date": first_date(new.recurrence, new.date)}
    made = _CREATE.run(connection, values)
    if made:
        return made[0], True
    found = connection.execute(_FIND_BY_KEY, values).first()
    if found is None:
        # It has been deleted meanwhile.
        return create_job(connection, new)
    return found, False


def edit_job(connection: Connection, job_id: int, creator_id: str, changes: dict[str, Any]) -> None:
    """Change a job that has not started; a new date makes it due then, else it keeps its place.

    `changes` maps columns (title, description, cpf_cnpj, date, priority, recurrence) to values. A
    run that waits in the queue is withdrawn: its message finds nothing. Raises JobNotFoundError,
    JobStartedError, NoOccurrenceError.
    """
    job = _lock(connection, job_id, creator_id)
    run = connection.execute(_UNFINISHED_RUN, {"id": job_id}).first()
    if job.status not in {Status.CREATED, Status.QUEUED} or (
        run is not None and run.started_at is not None
    ):
        raise JobStartedError
    values = {name: getattr(job, name) for name in _EDITABLE} | changes
    values["date"] = first_date(values["recurrence"], values["date"])
    place = job.next_run_at if run is None else run.scheduled_for
    if values["date"] != job.date:
        place = None
    run_id = None if run is None else run.id
    connection.execute(_RESCHEDULE, {**values, "id": job_id, "run_id": run_id, "place": place})


_EDITABLE = ("title", "description", "cpf_cnpj", "date", "priority", "recurrence")


def pause_job(connection: Connection, job_id: int, creator_id: str) -> None:
    """Hold a job until it is resumed; a recurring one that is at work ends its occurrence.

    Raises JobNotFoundError, JobStartedError, JobEndedError.
    """
    job = _lock(connection, job_id, creator_id)
    run = connection.execute(_UNFINISHED_RUN, {"id": job_id}).first()
    if job.status in FINAL:
        raise JobEndedError
    started = run is not None and run.started_at is not None
    if started and job.recurrence is None:
        raise JobStartedError
    run_id = None if run is None or started else run.id
    connection.execute(_PAUSE, {"id": job_id, "run_id": run_id, "started": started})


def resume_job(connection: Connection, job_id: int, creator_id: str) -> None:
    """Let a paused job go on; what it missed meanwhile is made up for once, now.

    An occurrence that is under way yet ends first, and the next one is then its date's.
    Resuming a job that is not paused changes nothing. Raises JobNotFoundError.
    """
    job = _lock(connection, job_id, creator_id)
    if job.paused:
        connection.execute(_RESUME, {"id": job_id})


def run_job_now(connection: Connection, job_id: int, creator_id: str) -> None:
    """Make a job due now, once more if it has ended; a recurring one keeps its next date.

    Raises JobNotFoundError, JobUnderWayError.
    """
    _lock(connection, job_id, creator_id)
    if connection.execute(_UNFINISHED_RUN, {"id": job_id}).first() is not None:
        raise JobUnderWayError
    connection.execute(_RUN_NOW, {"id": job_id})


def cancel_job(connection: Connection, job_id: int, creator_id: str) -> None:
    """Cancel a job that has not ended; a run that had started gets its end mail.

    Raises JobNotFoundError, JobEndedError.
    """
    job = _lock(connection, job_id, creator_id)
    run = connection.execute(_UNFINISHED_RUN, {"id": job_id}).first()
    if job.status in FINAL:
        raise JobEndedError
    connection.execute(_CANCEL, {"id": job_id})
    if run is not None:
        connection.execute(_CANCEL_RUN, {"id": run.id})
        if run.started_at is not None:
            queue_finished_mail(connection, run.id)


def delete_job(connection: Connection, job_id: int, creator_id: str) -> bool:
    """Delete a job with its runs and results; one that is running is cancelled instead.

    Returns whether it was deleted. Raises JobNotFoundError.
    """
    _lock(connection, job_id, creator_id)
    run = connection.execute(_UNFINISHED_RUN, {"id": job_id}).first()
    if run is not None and run.started_at is not None:
        cancel_job(connection, job_id, creator_id)
        return False
    connection.execute(text("DELETE FROM job WHERE id = :id"), {"id": job_id})
    return True


def first_date(rule: str | None, date: datetime) -> datetime:
    """Return when a job of that date first runs; raises NoOccurrenceError."""
    if rule is None:
        return date
    occurrence = recurrence.first(rule, date)
    if occurrence is None:
        raise NoOccurrenceError
    return occurrence


def _lock(connection: Connection, job_id: int, creator_id: str) -> Row[Any]:
    job = connection.execute(_LOCK, {"id": job_id, "creator_id": creator_id}).first()
    if job is None:
        raise JobNotFoundError
    return job
