"""What happens to mails: queued once per occasion, claimed, sent or given up."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from core.ledger.changes import SEVERITIES
from core.ledger.connection import MAIL_CHANNEL
from core.ledger.prepared import Prepared

# What the end mail tells, of these runs, their jobs and their results.
FINISHED_MAIL = """
    INSERT INTO mail (key, kind, recipient, context)
    SELECT 'run:' || run.id || ':' || 'finished', 'finished', job.creator_email, jsonb_build_object(
        'job_id', job.id, 'run_id', run.id, 'title', job.title, 'cpf_cnpj', job.cpf_cnpj,
        'priority', job.priority, 'date', job.date, 'started_at', run.started_at,
        'status', run.status, 'source', run.source, 'error_code', run.error_code,
        'error_detail', run.error_detail, 'finished_at', run.finished_at,
        'duration_ms',
        round(extract(epoch FROM run.finished_at - run.started_at) * 1000)::bigint,
        'company', to_jsonb(result) - ARRAY['id', 'job_id', 'run_id', 'creator_id',
                                            'creator_email', 'created', 'changes'],
        'changes', coalesce(result.changes, '[]'))
    FROM {runs} AS run JOIN {jobs} AS job ON job.id = run.job_id
    LEFT JOIN {results} AS result ON result.run_id = run.id
    WHERE run.status <> 'queued'
    ORDER BY run.started_at
    ON CONFLICT (key) DO NOTHING
"""

_FINISHED_MAIL = text(f"""
    WITH ended AS (
        SELECT * FROM run WHERE id = CAST(:run_id AS uuid)
    ), mails AS (
        {FINISHED_MAIL.format(runs="ended", jobs="job", results="result")}
    )
    SELECT pg_notify('{MAIL_CHANNEL}', '')
""")

# The job list of a summary is cut here; a mail of thousands of rows helps nobody. What changed
# comes first, most severe first.
SUMMARY_JOBS = 50

_SUMMARIES = text(f"""
    WITH of_day AS (
        SELECT job.creator_id, job.id, job.title, job.cpf_cnpj, job.priority, job.creator_email,
               coalesce(run.status, job.status) AS status,
               coalesce(run.scheduled_for, job.next_run_at) AS date,
               run.finished_at, run.error_code,
               coalesce(result.nome_empresarial, '') AS nome_empresarial,
               coalesce(result.situacao_cadastral, '') AS situacao_cadastral,
               coalesce(result.changes, '[]') AS changes
        FROM (
            SELECT job_id, id AS run_id FROM run
            WHERE scheduled_for >= :since AND scheduled_for < :until
            UNION ALL
            SELECT id, NULL FROM job
            WHERE next_run_at >= :since AND next_run_at < :until
              -- The run of one that is on its way to the broker counts already.
              AND (id, next_run_at) NOT IN (
                SELECT job_id, scheduled_for FROM run
                WHERE finished_at IS NULL AND next_attempt_at IS NULL AND status = 'created')
        ) AS occasion
        JOIN job ON job.id = occasion.job_id
        LEFT JOIN run ON run.id = occasion.run_id
        LEFT JOIN result ON result.run_id = occasion.run_id
        WHERE NOT EXISTS (
            SELECT FROM preference
            WHERE preference.creator_id = job.creator_id AND NOT preference.summary)
    ), numbered AS (
        SELECT of_day.*, row_number() OVER (
            PARTITION BY creator_id ORDER BY
                array_position(CAST(:severities AS text[]), changes -> 0 ->> 'severity'), date, id
        ) AS place
        FROM of_day
    ), per_user AS (
        SELECT creator_id, (array_agg(creator_email ORDER BY id DESC))[1] AS recipient,
               count(*) AS total,
               jsonb_build_object(
                   'processed', count(*) FILTER (WHERE status = 'processed'),
                   'error', count(*) FILTER (WHERE status = 'error'),
                   'cancelled', count(*) FILTER (WHERE status = 'cancelled'),
                   'queued', count(*) FILTER (WHERE status = 'queued'),
                   'processing', count(*) FILTER (WHERE status = 'processing'),
                   'created', count(*) FILTER (WHERE status = 'created')) AS counts,
               jsonb_agg(jsonb_build_object(
                   'job_id', id, 'title', title, 'cpf_cnpj', cpf_cnpj, 'priority', priority,
                   'status', status, 'date', date, 'finished_at', finished_at,
                   'nome_empresarial', nome_empresarial,
                   'situacao_cadastral', situacao_cadastral, 'error_code', error_code,
                   'changes', changes)
                   ORDER BY place) FILTER (WHERE place <= {SUMMARY_JOBS}) AS jobs
        FROM numbered GROUP BY creator_id
    )
    SELECT 'summary:' || creator_id || ':' || CAST(:day AS text) AS key, recipient, creator_id,
           jsonb_build_object(
               'day', CAST(:day AS text), 'total', total, 'counts', counts, 'jobs', jobs,
               'omitted', greatest(total - {SUMMARY_JOBS}, 0)) AS context
    FROM per_user
""")

_INSERT_SUMMARIES = text(f"""
    WITH summary AS ({_SUMMARIES.text}), preferences AS (
        INSERT INTO preference (creator_id) SELECT creator_id FROM summary ORDER BY creator_id
        ON CONFLICT (creator_id) DO UPDATE SET summary = preference.summary
        RETURNING creator_id, unsubscribe_token
    ), mails AS (
        INSERT INTO mail (key, kind, recipient, context)
        SELECT key, 'summary', recipient,
               context || jsonb_build_object('unsubscribe_token', unsubscribe_token)
        FROM summary JOIN preferences USING (creator_id) ORDER BY key
        ON CONFLICT (key) DO NOTHING RETURNING key
    )
    SELECT (SELECT count(*) FROM summary) AS users, (SELECT count(*) FROM mails) AS queued,
           pg_notify('{MAIL_CHANNEL}', '')
""")

# What was sent is locked before what is claimed, which waits for nobody: see `_DROP`.
_CLAIM_MAILS = Prepared(
    "claim_mails",
    """
    WITH marked AS (
        UPDATE mail SET sent_at = now(), last_error = NULL WHERE id = ANY(:sent) RETURNING id
    ), claimed AS (
        SELECT id FROM mail
        WHERE sent_at IS NULL AND failed_at IS NULL AND next_attempt_at <= now()
            AND (SELECT count(*) FROM marked) >= 0
        ORDER BY next_attempt_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE mail SET next_attempt_at = now() + :lease, attempts = attempts + 1
    FROM claimed WHERE mail.id = claimed.id
    RETURNING mail.id, mail.key, mail.kind, mail.recipient, CAST(mail.context AS text) AS context,
        mail.attempts
    """,
    limit="bigint",
    lease="interval",
    sent="bigint[]",
)

_SENT = Prepared(
    "mails_sent",
    "UPDATE mail SET sent_at = now(), last_error = NULL WHERE id = ANY(:ids) RETURNING id",
    ids="bigint[]",
)

_RETRY = text("""
    UPDATE mail SET next_attempt_at = now() + :delay, last_error = :error WHERE id = :id
""")

_FAILED = text("UPDATE mail SET failed_at = now(), last_error = :error WHERE id = :id")

# Before all that was queued later: of a run whose start mail comes back the end mail may wait.
_RELEASE = text("""
    UPDATE mail SET next_attempt_at = created, attempts = attempts - 1
    WHERE id = ANY(:ids) AND sent_at IS NULL AND failed_at IS NULL
""")

# Locked in the order in which the mailer marks those that it has sent.
_DROP = text("""
    WITH unsent AS MATERIALIZED (
        SELECT id FROM mail
        WHERE sent_at IS NULL AND failed_at IS NULL AND (
            starts_with(key, 'summary:' || :creator_id || ':')
            OR CAST(context ->> 'job_id' AS bigint) IN (
                SELECT id FROM job WHERE creator_id = :creator_id))
        ORDER BY id FOR UPDATE
    )
    DELETE FROM mail USING unsent WHERE mail.id = unsent.id
""")


def queue_finished_mail(connection: Connection, run_id: uuid.UUID) -> None:
    """Queue the end mail of a run that has ended, with the result if there is one."""
    connection.execute(_FINISHED_MAIL, {"run_id": run_id})


def preview_summaries(
    connection: Connection, day: date, since: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """Return the summaries of a day (key, recipient, context) without queueing them."""
    return connection.execute(_SUMMARIES, _of_day(day, since, until)).all()


def queue_summaries(
    connection: Connection, day: date, since: datetime, until: datetime
) -> tuple[int, int]:
    """Queue one summary per user who has jobs between two moments, in one statement.

    Who has unsubscribed gets none. Returns how many users have jobs that day and how many
    summaries were queued now; those that an earlier call has queued are not queued again.
    """
    row = connection.execute(_INSERT_SUMMARIES, _of_day(day, since, until)).one()
    return row.users, row.queued


def _of_day(day: date, since: datetime, until: datetime) -> dict[str, Any]:
    bounds = {"day": day.isoformat(), "since": since, "until": until}
    return bounds | {"severities": list(SEVERITIES)}


def claim_mails(
    connection: Connection, limit: int, lease: timedelta, sent: Sequence[int] = ()
) -> Sequence[Row[Any]]:
    """Take up to `limit` mails that are to be sent, oldest first, for as long as the lease.

    Those in `sent` are marked, as `mark_mails_sent` does, in the same statement. Rows hold id, key,
    kind, recipient, context (as JSON text, to be read when its mail is written: a whole batch of
    them would fill the processor's caches) and attempts (this one counted).
    """
    values = {"limit": limit, "lease": lease, "sent": list(sent)}
    claimed = _CLAIM_MAILS.run(connection, values)
    return sorted(claimed, key=lambda mail: mail.id)


def mark_mails_sent(connection: Connection, mail_ids: Sequence[int]) -> None:
    """Note that the mail server took these mails."""
    _SENT.run(connection, {"ids": list(mail_ids)})


def retry_mail(connection: Connection, mail_id: int, error: str, delay: timedelta) -> None:
    """Note why the mail could not be sent now, and try again after `delay`."""
    connection.execute(_RETRY, {"id": mail_id, "error": error, "delay": delay})


def mark_mail_failed(connection: Connection, mail_id: int, error: str) -> None:
    """Give the mail up: the server refused it for good."""
    connection.execute(_FAILED, {"id": mail_id, "error": error})


def release_mails(connection: Connection, mail_ids: Sequence[int]) -> None:
    """Hand claimed mails back untried, to be claimed again at once and in their order."""
    connection.execute(_RELEASE, {"ids": list(mail_ids)})


def drop_mails(connection: Connection, creator_id: str) -> None:
    """Delete a user's mails that have not been sent; one that is on its way arrives."""
    connection.execute(_DROP, {"creator_id": creator_id})
