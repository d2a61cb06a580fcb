"""The mails of rows that the ledger itself wrote."""

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from core.ledger.models import Status
from core.ledger.transitions import dispatch, due, people, work
from core.ledger.transitions.mails import queue_summaries
from core.ledger.transitions.work import Delivery, Outcome
from tests.worker.mails.samples import COMPANY, mail, plain
from tests.world import AGEING

WORKER = "worker"


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def begin_run(ledger: Engine, title: str) -> uuid.UUID:
    """Schedule a consultation for now, and claim its run."""
    with ledger.begin() as connection:
        new = people.NewJob(
            title=title,
            description="",
            cpf_cnpj="12ABC34501DE35",
            date=datetime.now(UTC) - timedelta(seconds=1),
            priority=5,
            creator_id="ana",
            creator_email="ana@example.com",
        )
        people.create_job(connection, new)
        (run,) = due.take_due(connection, 10, AGEING)
        dispatch.mark_queued(connection, [run.run_id])
        work.claim(connection, [Delivery(run.run_id, redelivered=False)], WORKER)
    run_id: uuid.UUID = run.run_id
    return run_id


def end_run(ledger: Engine, run_id: uuid.UUID, status: Status, **more: Any) -> None:
    with ledger.begin() as connection:
        work.settle(connection, [Outcome(run_id, 1, status, **more)], WORKER)


def letter(ledger: Engine, key: str) -> EmailMessage:
    with ledger.connect() as connection:
        statement = text("SELECT * FROM mail WHERE key = :key")
        row = connection.execute(statement, {"key": key}).one()
    return mail(row.kind, row.context, key=row.key, recipient=row.recipient)


def test_run_that_began_is_told(ledger: Engine) -> None:
    run_id = begin_run(ledger, "Fornecedor de pães")

    message = letter(ledger, f"run:{run_id}:started")

    assert str(message["To"]) == "ana@example.com"
    assert str(message["Subject"]) == "Consulta iniciada: Fornecedor de pães"
    assert "Prioridade: Urgente (5)" in plain(message)
    assert f"execução {run_id}" in plain(message)
    assert "Iniciada em: " in plain(message)


def test_run_that_brought_a_company_is_told(ledger: Engine) -> None:
    run_id = begin_run(ledger, "Fornecedor de pães")
    end_run(ledger, run_id, Status.PROCESSED, source="brasilapi", company=COMPANY)

    told = plain(letter(ledger, f"run:{run_id}:finished"))

    assert "Nome empresarial: PADARIA SÃO JOÃO LTDA" in told
    assert "Sócio-Administrador: MARIA DA CONCEIÇÃO" in told
    assert "Terminada em: " in told
    assert "Duração: " in told
    assert "Fonte:\n  BrasilAPI\n  Consultada em 24/11/2026 às 22:31:04\n" in told
    assert "  Base de 10/11/2026\n" in told


def test_run_that_failed_is_told(ledger: Engine) -> None:
    run_id = begin_run(ledger, "Fornecedor de pães")
    end_run(ledger, run_id, Status.ERROR, error_code="captcha", error_detail="Pede um captcha.")

    told = plain(letter(ledger, f"run:{run_id}:finished"))

    assert "pediram um captcha" in told
    assert "Detalhe: Pede um captcha." in told


def test_day_is_summed_up(ledger: Engine) -> None:
    done = begin_run(ledger, "Fornecedor de pães")
    end_run(ledger, done, Status.PROCESSED, source="brasilapi", company=COMPANY)
    begin_run(ledger, "Em curso")
    now = datetime.now(UTC)
    with ledger.begin() as connection:
        since, until = now - timedelta(hours=1), now + timedelta(hours=1)
        queue_summaries(connection, date(2026, 11, 24), since, until)

    told = plain(letter(ledger, "summary:ana:2026-11-24"))

    assert "você teve 2 consultas: 1 concluída e 1 a seguir." in told
    assert "* Fornecedor de pães\n  PADARIA SÃO JOÃO LTDA\n" in told
    assert "* Em curso\n  12.ABC.345/01DE-35 · em andamento\n" in told
