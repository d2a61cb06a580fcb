"""Many jobs at once."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, text

from core.ledger.connection import JOB_CHANNEL
from core.ledger.transitions.people import NewJob, create_job, first_date

_CREATE_MANY = text(f"""
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(CAST(:jobs AS jsonb)) AS asked(
            place int, title text, description text, cpf_cnpj text, date timestamptz, priority int,
            recurrence text, creator_id text, creator_email text, idempotency_key text,
            request_id text, import_id bigint)
    ), made AS (
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, recurrence,
                         next_run_at, creator_id, creator_email, idempotency_key, request_id,
                         import_id)
        SELECT title, description, cpf_cnpj, date, priority, 'created', recurrence,
               greatest(date, now()), creator_id, creator_email, idempotency_key, request_id,
               import_id
        FROM asked ORDER BY place
        ON CONFLICT (creator_id, idempotency_key) DO NOTHING
        RETURNING id, idempotency_key
    )
    SELECT id, idempotency_key, true AS is_new, pg_notify('{JOB_CHANNEL}', '') FROM made
    UNION ALL
    SELECT job.id, job.idempotency_key, false, NULL
    FROM job JOIN asked USING (creator_id, idempotency_key)
""")

_NOTE_IMPORT = text("""
    INSERT INTO job_import (creator_id, lines) VALUES (:creator_id, :lines) RETURNING id
""")

_NOTE_MADE = text("UPDATE job_import SET made = :made WHERE id = :id")


def create_jobs(connection: Connection, new: Sequence[NewJob]) -> dict[str, tuple[int, bool]]:
    """Insert many jobs, whose idempotency keys differ, as `create_job` does each.

    Returns the id of each key's job and whether it is new. Raises NoOccurrenceError.
    """
    asked = [
        asdict(job) | {"place": place, "date": first_date(job.recurrence, job.date).isoformat()}
        for place, job in enumerate(new)
    ]
    made = connection.execute(_CREATE_MANY, {"jobs": json.dumps(asked)}).all()
    found = {row.idempotency_key: (row.id, row.is_new) for row in made}
    for job in new:
        # Somebody sent the same at the same time: the statement's snapshot shows it not yet.
        if job.idempotency_key not in found:
            made_meanwhile, is_new = create_job(connection, job)
            found[job.idempotency_key] = made_meanwhile.id, is_new
    return found


def note_import(connection: Connection, creator_id: str, lines: int) -> int:
    """Note that a user sent a table of so many rows, and return the import's id."""
    values = {"creator_id": creator_id, "lines": lines}
    return int(connection.execute(_NOTE_IMPORT, values).scalar_one())


def note_made(connection: Connection, import_id: int, made: int) -> None:
    """Note how many jobs an import made."""
    connection.execute(_NOTE_MADE, {"id": import_id, "made": made})
