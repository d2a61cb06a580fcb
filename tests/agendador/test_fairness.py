"""Who waits for whom, with the real programs: a dispatcher, a worker, the page simulator."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.clock import utc_now
from core.ledger.transitions import imports
from core.ledger.transitions.people import NewJob
from devstack.servers import ROOT
from tests.clients import Broker, Registry
from tests.people import cnpj
from tests.waiting import wait_until
from tests.world import World

# Two slots and pages of 20 ms: at most a hundred jobs a second.
PAGE_MS = 20
SLOTS = 2
AGEING_SECONDS = 1.2
LEVELS = 5
# From the top of the line to a slot: what is ahead at the broker, on a busy machine.
AT_THE_BROKER_SECONDS = 10.0
PROGRAMS = (
    (sys.executable, "-m", "flask", "--app", "agendador.app", "dispatch"),
    (sys.executable, "-m", "worker", "lookups"),
)


@pytest.fixture
def at_work(
    own_world: World, declared_broker: Broker, registry: Registry, tmp_path: Path
) -> Iterator[World]:
    """Give a ledger at which a dispatcher and a worker are at work."""
    registry.behave(delay_ms=PAGE_MS)
    settings = {
        "DATABASE_URL": own_world.engine.url.render_as_string(hide_password=False),
        "BROKER_URL": declared_broker.url,
        "BROKER_NAMESPACE": declared_broker.namespace,
        "AGEING_MINUTES": str(AGEING_SECONDS / 60),
        "LOOKUP_SLOTS": str(SLOTS),
        "SOURCES": "receita",
        "RECEITA_URL": registry.page,
    }
    with (tmp_path / "log").open("wb") as log:
        children = [
            subprocess.Popen(  # noqa: S603 our own programs
                program, cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
            )
            for program in PROGRAMS
        ]
    try:
        first = own_world.add(cpf_cnpj=cnpj(1))
        wait_until(lambda: own_world.job(first).status == "processed")
        yield own_world
    finally:
        for child in children:
            child.kill()
            child.wait()


def import_table(world: World, user: str, rows: int, priority: int = 0) -> None:
    """Let a user import so many jobs that are due now."""
    jobs = [
        NewJob(
            title=f"Linha {row}",
            description="",
            cpf_cnpj=cnpj(row),
            date=utc_now(),
            priority=priority,
            creator_id=user,
            creator_email=f"{user}@example.org",
            idempotency_key=f"{utc_now()} {row}",
        )
        for row in range(rows)
    ]
    with world.engine.begin() as connection:
        imports.create_jobs(connection, jobs)


def wait_of(world: World, job_id: int) -> float:
    """Wait until a job has started; return how many seconds after it was due that was."""

    def started() -> float:
        (row,) = world.rows(
            """
            SELECT coalesce(max(extract(epoch FROM started_at - scheduled_for)), 0) AS seconds
            FROM run WHERE job_id = :id""",
            id=job_id,
        )
        return float(row.seconds)

    return wait_until(started, 60, because="never started")


@contextmanager
def meanwhile(repeat: Callable[[], None], seconds: float) -> Iterator[None]:
    """Do something again and again while the block runs."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(seconds):
            repeat()

    thread = threading.Thread(target=go_on)
    thread.start()
    yield
    over.set()
    thread.join()


def test_under_constant_urgent_load_a_job_without_priority_waits_no_longer_than_ageing_takes(
    at_work: World,
) -> None:
    import_table(at_work, "ana", 600, priority=5)

    def add_more() -> None:
        import_table(at_work, "ana", 100, priority=5)

    with meanwhile(add_more, 0.5):
        ids = [at_work.add(user=user, cpf_cnpj=cnpj(2)) for user in ("bia", "caio", "davi")]
        waits = [wait_of(at_work, job_id) for job_id in ids]
    bound = LEVELS * AGEING_SECONDS
    print(  # noqa: T201 the figure is wanted
        f"worst wait of a priority-0 job under constant priority-5 load: {max(waits):.2f} s;"
        f" {LEVELS} levels of {AGEING_SECONDS} s are {bound:.2f} s"
    )
    # Nothing but its age brought it there.
    assert min(waits) >= bound
    assert max(waits) <= bound + AT_THE_BROKER_SECONDS


def test_an_import_of_thousands_holds_up_neither_an_urgent_job_nor_anybody_s_turn(
    at_work: World,
) -> None:
    import_table(at_work, "ana", 5000)
    wait_until(lambda: at_work.rows("SELECT 1 FROM run HAVING count(*) >= 64"))
    urgent = at_work.add(user="bia", priority=5, due_in=0.5, cpf_cnpj=cnpj(2))
    usual = at_work.add(user="caio", cpf_cnpj=cnpj(3))
    urgent_wait, usual_wait = wait_of(at_work, urgent), wait_of(at_work, usual)
    (left,) = at_work.rows("SELECT count(*) AS jobs FROM job WHERE status IN ('created', 'queued')")
    print(  # noqa: T201 the figure is wanted
        f"with 5,000 jobs of another user queued: priority 5 started {urgent_wait:.2f} s after it"
        f" was due, priority 0 after {usual_wait:.2f} s, when {left.jobs:,} were still to start"
    )
    assert urgent_wait < 2
    assert left.jobs > 4000
