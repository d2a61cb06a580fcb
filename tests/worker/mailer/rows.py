"""Mail rows of the ledger, and what the mailer logs."""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, Row, text

from core.ledger.connection import MAIL_CHANNEL
from devstack.process import Program
from tests.waiting import wait_until
from tests.worker.mails.samples import STARTED

StartMailer = Callable[..., Program]


def queue_mail(
    ledger: Engine,
    recipient: str,
    kind: str = "started",
    context: dict[str, Any] | None = None,
) -> int:
    """Write a mail row as the ledger's transitions do, and return its id."""
    with ledger.begin() as connection:
        statement = text(
            "INSERT INTO mail (key, kind, recipient, context) VALUES "
            "(:key, :kind, :recipient, CAST(:context AS jsonb)) RETURNING id"
        )
        values = {
            "key": f"run:{recipient}:{kind}",
            "kind": kind,
            "recipient": recipient,
            "context": json.dumps(STARTED if context is None else context),
        }
        mail_id: int = connection.execute(statement, values).scalar_one()
        connection.execute(text(f"SELECT pg_notify('{MAIL_CHANNEL}', '')"))
    return mail_id


def row(ledger: Engine, mail_id: int) -> Row[Any]:
    statement = text(
        "SELECT *, next_attempt_at > now() AS waits, "
        "extract(epoch FROM next_attempt_at - now()) AS waits_seconds FROM mail WHERE id = :id"
    )
    with ledger.connect() as connection:
        return connection.execute(statement, {"id": mail_id}).one()


def make_due(ledger: Engine) -> None:
    """Let the time pass that leases and delays take."""
    with ledger.begin() as connection:
        connection.execute(text("UPDATE mail SET next_attempt_at = now()"))


def wait_sent(ledger: Engine, *mail_ids: int) -> None:
    for mail_id in mail_ids:
        wait_until(lambda: row(ledger, mail_id).sent_at, because=f"mail {mail_id} not sent")  # noqa: B023


def logged(mailer: Program, event: str) -> list[dict[str, Any]]:
    lines = mailer.log.read_text().splitlines() if mailer.log.exists() else []
    entries = [json.loads(line) for line in lines if line.startswith("{")]
    return [entry for entry in entries if entry["event"] == event]
