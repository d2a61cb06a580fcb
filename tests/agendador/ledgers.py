"""What tests put into and read from the ledger beside the API: what the worker would have done."""

import json
import uuid
from typing import Any

import pika
from sqlalchemy import Engine, func, select, text

from core.ledger.models import Base, Status
from core.ledger.transitions import dispatch, due, work
from core.ledger.transitions.work import COMPANY_FIELDS, Delivery, Outcome
from tests.clients import Broker
from tests.people import cnpj
from tests.waiting import wait_until
from tests.world import AGEING

WORKER = "worker-of-a-test"


def job(**changes: Any) -> dict[str, Any]:
    """Return the body of `POST /jobs`."""
    return {
        "title": "Fornecedor de café",
        "description": "Conferir antes de pagar.",
        "cpf_cnpj": cnpj(1),
        "date": "2031-03-01T09:00:00",
        "priority": 3,
    } | changes


def company(number: str, **changes: Any) -> dict[str, Any]:
    """Return what a source says of a company."""
    lists: dict[str, Any] = {"atividades_secundarias": [], "quadro_societario": []}
    return dict.fromkeys(COMPANY_FIELDS, "") | lists | {"cnpj": number, "source": "t"} | changes


def make_due(ledger: Engine, job_id: int) -> None:
    with ledger.begin() as connection:
        connection.execute(
            text("UPDATE job SET next_run_at = now() - interval '1 s' WHERE id = :id"),
            {"id": job_id},
        )


def queue(ledger: Engine, job_id: int) -> uuid.UUID:
    """Let a dispatcher have published the job; return its run."""
    make_due(ledger, job_id)
    with ledger.begin() as connection:
        runs: dict[int, uuid.UUID] = {
            row.id: row.run_id for row in due.take_due(connection, 100, AGEING)
        }
        dispatch.mark_queued(connection, list(runs.values()))
    return runs[job_id]


def start(ledger: Engine, job_id: int) -> uuid.UUID:
    """Let a worker have claimed the job; return its run."""
    run_id = queue(ledger, job_id)
    with ledger.begin() as connection:
        assert work.claim(connection, [Delivery(run_id, redelivered=False)], WORKER)
    return run_id


def finish(ledger: Engine, job_id: int, **fields: Any) -> uuid.UUID:
    """Let a worker have processed the job; `fields` differ from an empty company's."""
    run_id = start(ledger, job_id)
    end(ledger, run_id, **fields)
    return run_id


def end(ledger: Engine, run_id: uuid.UUID, **fields: Any) -> None:
    """Let a worker have processed a run that it has claimed."""
    with ledger.begin() as connection:
        number = connection.execute(
            text("SELECT cpf_cnpj FROM job JOIN run ON job_id = job.id WHERE run.id = :id"),
            {"id": run_id},
        ).scalar_one()
        outcome = Outcome(
            run_id, 1, Status.PROCESSED, source="t", company=company(number, **fields)
        )
        assert work.settle(connection, [outcome], WORKER) == {run_id}


def count(ledger: Engine, table: str) -> int:
    with ledger.connect() as connection:
        rows = select(func.count()).select_from(Base.metadata.tables[table])
        return connection.execute(rows).scalar_one()


def messages(broker: Broker, queue_name: str, at_least: int = 1) -> list[dict[str, Any]]:
    """Wait for messages of a queue and take all that it has."""
    taken: list[dict[str, Any]] = []
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()

        def enough() -> bool:
            while True:
                method, _, body = channel.basic_get(broker.namespace + queue_name, auto_ack=True)
                if method is None:
                    return len(taken) >= at_least
                taken.append(json.loads(body))

        wait_until(enough, because=f"fewer than {at_least} messages in {queue_name}")
    return taken
