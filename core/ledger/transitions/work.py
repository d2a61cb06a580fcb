"""What the worker does: claim runs and settle how they ended."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from core.ledger import changes
from core.ledger.connection import JOB_CHANNEL, MAIL_CHANNEL
from core.ledger.models import Result, Status
from core.ledger.prepared import Prepared
from core.ledger.transitions import JOBS_OF_RUNS, QUEUE_LEASE, WORK_LEASE
from core.ledger.transitions.mails import FINISHED_MAIL
from core.ledger.transitions.pages import forget_pages
from core.ledger.transitions.recurring import go_on

# What a result says of a company: all columns but those that are the ledger's own.
_OWN = {"id", "job_id", "run_id", "creator_id", "creator_email", "changes", "created"}
COMPANY_FIELDS = tuple(
    column.name for column in Result.__table__.columns if column.name not in _OWN
)


@dataclass(frozen=True)
class Delivery:
    """A message that asks for a run; `redelivered` when an earlier holder let go of it."""

    run_id: uuid.UUID
    redelivered: bool


@dataclass(frozen=True)
class Outcome:
    """How an attempt of a run ended.

    `status` is PROCESSED (with `company`, whose keys are COMPANY_FIELDS), ERROR (with
    `error_code`) or QUEUED for another attempt `retry_in` seconds from now; an attempt that never
    was one, since a limit of ours held it back, does not count. `missing` says that the CNPJ was
    not found, which is to be seen again: the run counts such answers by themselves.
    """

    run_id: uuid.UUID
    attempt: int
    status: Status
    source: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    retry_in: float | None = None
    counts: bool = True
    missing: bool = False
    company: dict[str, Any] | None = None


_CLAIM = Prepared(
    "claim",
    f"""
    WITH asked AS (
        SELECT * FROM unnest(:run_ids, :redelivered)
            WITH ORDINALITY AS asked(id, redelivered, place)
    ), locked AS MATERIALIZED (
        {JOBS_OF_RUNS}
    ), claimed AS (
        UPDATE run
        SET status = 'processing', attempt = run.attempt + 1, worker = :worker,
            lease_until = now() + :lease, next_attempt_at = NULL, error_code = NULL,
            error_detail = NULL,
            -- The message may arrive before the dispatcher has noted that it was sent.
            queued_at = coalesce(queued_at, now()),
            started_at = coalesce(started_at, now() + place * interval '1 microsecond')
        FROM asked
        WHERE run.id = ANY(:run_ids) AND run.id = asked.id
          AND run.job_id IN (SELECT id FROM locked)
          AND CASE run.status
              WHEN 'processing' THEN
                  asked.redelivered OR run.lease_until <= now() OR run.worker = :worker
              ELSE run.status IN ('created', 'queued') AND run.next_attempt_at IS NULL
              END
        RETURNING run.id, job_id, attempt, not_found_count, started_at, priority, page_digest,
                  scheduled_for, place
    ), begun AS (
        UPDATE job SET status = 'processing', next_run_at = nullif(next_run_at, scheduled_for)
        FROM claimed AS run WHERE job.id = run.job_id
        RETURNING run.id AS run_id, run.attempt, run.not_found_count, run.started_at,
                  run.priority AS level, run.page_digest, run.place,
                  job.id AS job_id, job.title, job.cpf_cnpj, job.priority, job.date,
                  job.creator_email, job.request_id, job.recurrence
    ), mails AS (
        INSERT INTO mail (key, kind, recipient, context)
        SELECT 'run:' || run_id || ':' || 'started', 'started', creator_email,
               jsonb_build_object(
                   'job_id', job_id, 'run_id', run_id, 'title', title, 'cpf_cnpj', cpf_cnpj,
                   'priority', priority, 'date', date, 'started_at', started_at)
        FROM begun WHERE attempt = 1 ORDER BY place
        ON CONFLICT (key) DO NOTHING
    )
    SELECT run_id, attempt, not_found_count, started_at, level AS priority, job_id, cpf_cnpj,
           request_id, recurrence IS NOT NULL AS recurs,
           CASE WHEN page_digest IS NOT NULL THEN (
               SELECT content FROM uploaded_page WHERE uploaded_page.run_id = begun.run_id
           ) END AS page,
           -- There is room at the broker now, which is news only while something waits for it.
           CASE WHEN EXISTS (
               SELECT FROM job WHERE next_run_at <= now() AND id NOT IN (
                   SELECT job_id FROM run
                   WHERE finished_at IS NULL AND next_attempt_at IS NULL AND status = 'created')
           ) OR EXISTS (SELECT FROM run WHERE next_attempt_at <= now())
           THEN pg_notify('{JOB_CHANNEL}', '') END AS told_job,
           pg_notify('{MAIL_CHANNEL}', '') AS told_mail,
           -- Its commit waits for no disk: a claim that a crash undoes is made again (ADR 2).
           set_config('synchronous_commit', 'off', true)
    FROM begun ORDER BY place
    """,
    run_ids="uuid[]",
    redelivered="boolean[]",
    worker="text",
    lease="interval",
)

# It locks no jobs, so it must not wait: a run that is locked is being settled or taken over.
_RENEW = text("""
    UPDATE run SET lease_until = now() + :lease
    WHERE id IN (
        SELECT id FROM run
        WHERE id = ANY(CAST(:run_ids AS uuid[])) AND status = 'processing' AND worker = :worker
        FOR NO KEY UPDATE SKIP LOCKED)
""")

_RELEASE = text(f"""
    WITH locked AS MATERIALIZED (
        {JOBS_OF_RUNS.replace(":run_ids", "CAST(:run_ids AS uuid[])")}
    ), released AS (
        UPDATE run SET status = 'queued', attempt = attempt - 1, worker = NULL,
                       lease_until = now() + :lease
        WHERE id = ANY(CAST(:run_ids AS uuid[])) AND job_id IN (SELECT id FROM locked)
          AND status = 'processing' AND worker = :worker
        RETURNING job_id
    )
    UPDATE job SET status = 'queued' FROM released WHERE job.id = released.job_id
""")

_COLUMNS = ", ".join(COMPANY_FIELDS)

# What the last result of a CNPJ said to the same owner.
_PREVIOUS = Prepared(
    "previous",
    f"""
    SELECT asked.run_id, previous.*
    FROM unnest(:run_ids, :cnpjs) AS asked(run_id, cnpj)
    JOIN run ON run.id = asked.run_id JOIN job ON job.id = run.job_id
    CROSS JOIN LATERAL (
        SELECT source, {", ".join(changes.TRACKED)} FROM result
        WHERE creator_id = job.creator_id AND cnpj = asked.cnpj
        ORDER BY id DESC LIMIT 1
    ) AS previous
    """,
    run_ids="uuid[]",
    cnpjs="text[]",
)

# The end mail is written of what the same statement stores.
_SETTLE = Prepared(
    "settle",
    f"""
    WITH outcome AS (
        SELECT * FROM jsonb_to_recordset(:outcomes) AS outcome(
            run_id uuid, attempt int, status text, source text, error_code text,
            error_detail text, retry_in double precision, counts boolean, missing boolean)
    ), locked AS MATERIALIZED (
        {JOBS_OF_RUNS}
    ), settled AS (
        UPDATE run
        SET status = outcome.status,
            attempt = run.attempt - CASE WHEN outcome.counts THEN 0 ELSE 1 END,
            not_found_count = run.not_found_count + CASE WHEN outcome.missing THEN 1 ELSE 0 END,
            source = outcome.source, error_code = outcome.error_code,
            error_detail = outcome.error_detail, lease_until = NULL, worker = NULL,
            next_attempt_at = now() + outcome.retry_in * interval '1 second',
            finished_at = CASE WHEN outcome.status = 'queued' THEN NULL
                               ELSE clock_timestamp() END
        FROM outcome
        WHERE run.id = ANY(:run_ids) AND run.id = outcome.run_id
          AND run.attempt = outcome.attempt
          AND CASE run.status WHEN 'processing' THEN run.worker = :worker ELSE false END
          AND run.job_id IN (SELECT id FROM locked)
        RETURNING run.*
    ), jobs AS (
        UPDATE job SET status = CASE
            WHEN settled.status <> 'queued' AND job.next_run_at IS NOT NULL THEN 'created'
            ELSE settled.status END
        FROM settled WHERE job.id = settled.job_id
        RETURNING job.*
    ), results AS (
        INSERT INTO result (job_id, run_id, creator_id, creator_email, {_COLUMNS}, changes)
        SELECT job.id, run.id, job.creator_id, job.creator_email,
               {", ".join(f"company.{field}" for field in COMPANY_FIELDS)}, company.changes
        FROM jsonb_populate_recordset(NULL::result, :companies) AS company
        JOIN settled AS run ON run.id = company.run_id JOIN jobs AS job ON job.id = run.job_id
        RETURNING *
    ), mails AS (
        {FINISHED_MAIL.format(runs="settled", jobs="jobs", results="results")}
    )
    SELECT run.id, run.status, run.page_digest, job.id AS job_id, job.recurrence, job.date,
           pg_notify('{MAIL_CHANNEL}', '')
    FROM settled AS run JOIN jobs AS job ON job.id = run.job_id
    """,
    run_ids="uuid[]",
    outcomes="jsonb",
    companies="jsonb",
    worker="text",
)


def claim(
    connection: Connection, deliveries: Sequence[Delivery], worker: str
) -> Sequence[Row[Any]]:
    """Claim the runs that these messages ask for and return the claimed ones, in that order.

    A run that has ended, was withdrawn, waits for a later attempt or is held by a live worker is
    not claimed; one that this very worker holds is, since it asks for none that it knows to be at
    work. The first attempt queues the start mail. Rows hold run_id, attempt
    (this one counted), not_found_count, started_at, priority, job_id, cpf_cnpj, request_id, recurs
    and page: what a person gave to be read instead of asking the sources, or None.
    """
    values = {
        "run_ids": _written([delivery.run_id for delivery in deliveries]),
        "redelivered": [delivery.redelivered for delivery in deliveries],
        "worker": worker,
        "lease": WORK_LEASE,
    }
    return _CLAIM.run(connection, values)


def ends_alone(run: Row[Any]) -> bool:
    """Tell of a claimed run whether nothing else is to be written when it is settled.

    Nobody makes a job recurring while it is at work.
    """
    return not run.recurs and run.page is None


def renew(connection: Connection, run_ids: Sequence[uuid.UUID], worker: str) -> None:
    """Tell that the worker is alive and still at these runs."""
    values = {"run_ids": list(run_ids), "worker": worker, "lease": WORK_LEASE}
    connection.execute(_RENEW, values)


def release(connection: Connection, run_ids: Sequence[uuid.UUID], worker: str) -> None:
    """Hand claimed runs back unharmed: the worker stops and their messages are requeued."""
    values = {"run_ids": list(run_ids), "worker": worker, "lease": QUEUE_LEASE}
    connection.execute(_RELEASE, values)


def settle(connection: Connection, outcomes: Sequence[Outcome], worker: str) -> set[uuid.UUID]:
    """Store how attempts of this worker ended: state, result, end mail, the next occurrence.

    All or nothing, on a connection of single statements, too, if each of the runs `ends_alone`. A
    result tells what changed since the last one of this CNPJ for its owner.

    Returns the runs that were settled; another worker took over, or somebody cancelled, the rest.
    """
    companies = {
        outcome.run_id: outcome.company for outcome in outcomes if outcome.company is not None
    }
    told = {
        # The ids beside the JSON, since of its rows PostgreSQL cannot guess the number.
        "run_ids": _written([outcome.run_id for outcome in outcomes]),
        "outcomes": json.dumps([{**vars(o), "company": None} for o in outcomes], default=str),
        "companies": json.dumps(_results(connection, companies)),
        "worker": worker,
    }
    settled = _SETTLE.run(connection, told)
    ended = [row for row in settled if row.status != Status.QUEUED]
    go_on(connection, [row for row in ended if row.recurrence is not None])
    if read := [row.id for row in ended if row.page_digest is not None]:
        forget_pages(connection, read)
    return {row.id for row in settled}


def _results(
    connection: Connection, companies: Mapping[uuid.UUID, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what runs brought and what it changes for whoever made them."""
    if not companies:
        return []
    cnpjs = [company["cnpj"] for company in companies.values()]
    asked = {"run_ids": _written(companies), "cnpjs": cnpjs}
    before = {row.run_id: row._asdict() for row in _PREVIOUS.run(connection, asked)}
    return [
        {
            **company,
            "run_id": str(run_id),
            "changes": changes.compare(before[run_id], company) if run_id in before else [],
        }
        for run_id, company in companies.items()
    ]


def _written(run_ids: Iterable[uuid.UUID]) -> str:
    """Return ids as PostgreSQL writes an array, which costs the driver less than a list."""
    return f"{{{','.join(map(str, run_ids))}}}"
