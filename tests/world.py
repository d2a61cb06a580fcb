"""A ledger as tests see it: what each actor does in a transaction of its own, and what is there."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, create_engine, text

from core.clock import utc_now
from core.ledger.models import Base, Status
from core.ledger.transitions import dispatch, due, people, work
from core.ledger.transitions.people import NewJob
from core.ledger.transitions.work import COMPANY_FIELDS, Delivery, Outcome

MARIA = "maria"
W1 = "worker-1"
W2 = "worker-2"
WINDOW = 100
AGEING = timedelta(minutes=30)


def company(**fields: Any) -> dict[str, Any]:
    """Return what a source says of a company, all of it unknown but for these fields."""
    lists: dict[str, Any] = {"atividades_secundarias": [], "quadro_societario": []}
    return dict.fromkeys(COMPANY_FIELDS, "") | lists | {"source": "receita"} | fields


@dataclass(frozen=True)
class World:
    """The ledger of one test."""

    engine: Engine

    def add(self, *, user: str = MARIA, due_in: float = -1, **fields: Any) -> int:
        """Make a job that is due in so many seconds; by default it is due."""
        usual: dict[str, Any] = {
            "title": "Fornecedor",
            "description": "",
            "cpf_cnpj": "00000000000191",
            "date": utc_now() + timedelta(seconds=due_in),
            "priority": 0,
            "creator_id": user,
            "creator_email": f"{user}@example.org",
        }
        with self.engine.begin() as connection:
            job, _ = people.create_job(connection, NewJob(**(usual | fields)))
        return int(job.id)

    def take_due(self, window: int = WINDOW, ageing: timedelta = AGEING) -> Sequence[Row[Any]]:
        with self.engine.begin() as connection:
            return due.take_due(connection, window, ageing)

    def take_stranded(self, limit: int = 500, ageing: timedelta = AGEING) -> Sequence[Row[Any]]:
        with self.engine.begin() as connection:
            return dispatch.take_stranded(connection, limit, ageing)

    def mark_queued(self, *run_ids: uuid.UUID) -> None:
        with self.engine.begin() as connection:
            dispatch.mark_queued(connection, run_ids)

    def queue(self, window: int = WINDOW) -> list[uuid.UUID]:
        """Let a dispatcher publish what is due and the broker confirm it; return the runs."""
        run_ids = [run.run_id for run in self.take_due(window)]
        self.mark_queued(*run_ids)
        return run_ids

    def claim(
        self, *run_ids: uuid.UUID, worker: str = W1, redelivered: bool = False
    ) -> Sequence[Row[Any]]:
        with self.engine.begin() as connection:
            return work.claim(connection, [Delivery(i, redelivered) for i in run_ids], worker)

    def settle(
        self, run_id: uuid.UUID, status: Status, attempt: int = 1, worker: str = W1, **fields: Any
    ) -> bool:
        """Tell how an attempt ended; returns whether the ledger took it."""
        if status == Status.PROCESSED:
            fields = {"source": "receita", "company": company()} | fields
        outcome = Outcome(run_id, attempt, status, **fields)
        with self.engine.begin() as connection:
            return run_id in work.settle(connection, [outcome], worker)

    def release(self, *run_ids: uuid.UUID, worker: str = W1) -> None:
        with self.engine.begin() as connection:
            work.release(connection, run_ids, worker)

    def start(self, **fields: Any) -> tuple[int, uuid.UUID]:
        """Make a job that a worker is at; return it and its run."""
        job_id = self.add(**fields)
        self.queue()
        run_id = self.runs(job_id)[-1].id
        assert self.claim(run_id)
        return job_id, run_id

    def edit(self, job_id: int, user: str = MARIA, **changes: Any) -> None:
        with self.engine.begin() as connection:
            people.edit_job(connection, job_id, user, changes)

    def cancel(self, job_id: int, user: str = MARIA) -> None:
        with self.engine.begin() as connection:
            people.cancel_job(connection, job_id, user)

    def delete(self, job_id: int, user: str = MARIA) -> bool:
        with self.engine.begin() as connection:
            return people.delete_job(connection, job_id, user)

    def job(self, job_id: int) -> Row[Any]:
        (row,) = self.rows("SELECT * FROM job WHERE id = :id", id=job_id)
        return row

    def run(self, run_id: uuid.UUID) -> Row[Any]:
        (row,) = self.rows("SELECT * FROM run WHERE id = :id", id=run_id)
        return row

    def runs(self, job_id: int) -> Sequence[Row[Any]]:
        return self.rows("SELECT * FROM run WHERE job_id = :id ORDER BY created", id=job_id)

    def results(self) -> Sequence[Row[Any]]:
        return self.rows("SELECT * FROM result ORDER BY id")

    def mails(self) -> Sequence[Row[Any]]:
        return self.rows("SELECT * FROM mail ORDER BY id")

    def mail_kinds(self, run_id: uuid.UUID) -> list[str]:
        """Return the kinds of the mails about a run, in the order in which they were queued."""
        key = f"run:{run_id}:%"
        return [
            row.kind
            for row in self.rows("SELECT kind FROM mail WHERE key LIKE :key ORDER BY id", key=key)
        ]

    def statuses(self) -> dict[int, str]:
        """Return the status of each job by its id."""
        return {row.id: row.status for row in self.rows("SELECT id, status FROM job")}

    def rows(self, statement: str, **values: Any) -> Sequence[Row[Any]]:
        with self.engine.connect() as connection:
            return connection.execute(text(statement), values).all()

    def write(self, statement: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    def empty(self) -> None:
        """Remove every row."""
        with self.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())

    def end_leases(self) -> None:
        """Let the time pass that every lease takes."""
        self.write("UPDATE run SET lease_until = now() WHERE lease_until IS NOT NULL")

    def end_pauses(self) -> None:
        """Let the time pass until the next attempt of every run that waits for one."""
        self.write("UPDATE run SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")

    def now(self) -> datetime:
        """Return the database's clock."""
        moment: datetime = self.rows("SELECT now() AS now")[0].now
        return moment


@contextmanager
def world_of(database_url: str) -> Iterator[World]:
    """Give a ledger's world."""
    engine = create_engine(database_url, pool_size=20)
    yield World(engine)
    engine.dispose()
