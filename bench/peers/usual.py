"""A consultation as an engineer who knows Celery or Dramatiq would write it.

The connections to the database, the pages and the mail server are kept open, one of each for every
thread of every process. The parser and the words of the mails are ours, so that both sides do the
same work; the message around the words is made with the standard library, as ours once was.
"""

import os
import smtplib
import threading
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

import psycopg2
import requests
from psycopg2.extras import Json

from core.ledger.transitions.work import COMPANY_FIELDS
from worker.mails import write
from worker.sources.receita_page import parse_certificate

SENDER = "Agendador de consultas <agendador@localhost>"
TIMEOUT_SECONDS = 20

TABLES = f"""
    CREATE TABLE peer_job (
        id bigint PRIMARY KEY, title text, cpf_cnpj text, priority int, email text,
        status text NOT NULL DEFAULT 'queued', started_at timestamptz, finished_at timestamptz);
    CREATE INDEX ON peer_job (status) WHERE status IN ('queued', 'processing');
    CREATE TABLE peer_result (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job_id bigint UNIQUE
        REFERENCES peer_job, {", ".join(f"{field} text" for field in COMPANY_FIELDS)},
        created timestamptz DEFAULT now());
"""
_BEGIN = """
    UPDATE peer_job SET status = 'processing', started_at = now() WHERE id = %s RETURNING started_at
"""
_STORE = f"""
    INSERT INTO peer_result (job_id, {", ".join(COMPANY_FIELDS)})
    VALUES (%s, {", ".join(["%s"] * len(COMPANY_FIELDS))})
"""
_END = """
    UPDATE peer_job SET status = 'processed', finished_at = now() WHERE id = %s
    RETURNING finished_at
"""


class _Hands(threading.local):
    """What each thread keeps open; made in the process that uses it."""

    def __init__(self) -> None:
        url = os.environ["DATABASE_URL"].replace("+psycopg2", "")
        self.ledger = psycopg2.connect(url)
        self.cursor = self.ledger.cursor()
        self.session = requests.Session()
        self.session.trust_env = False
        self.mail = smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"]))


_hands_of: dict[int, _Hands] = {}


def _own_hands() -> _Hands:
    pid = os.getpid()
    if pid not in _hands_of:
        _hands_of[pid] = _Hands()
    return _hands_of[pid]


def consult(job: dict[str, Any]) -> None:
    """Do one job: mark it, mail, fetch and parse, store and mark, mail."""
    hands = _own_hands()
    hands.cursor.execute(_BEGIN, (job["id"],))
    (started,) = hands.cursor.fetchall()[0]
    hands.ledger.commit()
    context = {
        "job_id": job["id"],
        "run_id": job["run_id"],
        "title": job["title"],
        "cpf_cnpj": job["cpf_cnpj"],
        "priority": job["priority"],
        "date": job["date"],
        "started_at": started.isoformat(),
    }
    _mail(hands, "started", context, job)
    company = _look_up(hands.session, job["cpf_cnpj"])
    hands.cursor.execute(_STORE, (job["id"], *(_column(company[f]) for f in COMPANY_FIELDS)))
    hands.cursor.execute(_END, (job["id"],))
    (finished,) = hands.cursor.fetchall()[0]
    hands.ledger.commit()
    context |= {
        "status": "processed",
        "source": "receita",
        "finished_at": finished.isoformat(),
        "duration_ms": round((finished - started).total_seconds() * 1000),
        "company": company,
        "changes": [],
    }
    _mail(hands, "finished", context, job)


def _look_up(session: requests.Session, cnpj: str) -> dict[str, Any]:
    asked = datetime.now(UTC)
    answer = session.get(os.environ["RECEITA_URL"], params={"cnpj": cnpj}, timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return {
        **parse_certificate(answer.content, cnpj).as_dict(),
        "source": "receita",
        "data_pesquisa": asked.strftime("%Y-%m-%d"),
        "hora_pesquisa": asked.strftime("%H:%M:%S"),
    }


def _mail(hands: _Hands, kind: str, context: dict[str, Any], job: dict[str, Any]) -> None:
    written = write(kind, context)
    message = EmailMessage(policy=SMTP)
    message["From"] = SENDER
    message["To"] = job["email"]
    message["Subject"] = written.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<run.{job['run_id']}.{kind}@localhost>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    hands.mail.send_message(message)


def _column(value: Any) -> Any:
    return Json(value) if isinstance(value, list) else value
