"""Pages that no worker survives, or that hold it for ever: a real process, started again each time.

The pages are made in `tests.worker.poisoned`.
"""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from devstack.servers import ROOT
from tests.clients import Broker, Registry
from tests.people import cnpj
from tests.queues import take
from tests.waiting import wait_until
from tests.worker import poisoned
from tests.worker.test_lookups import Office
from tests.world import World

LONG = 60.0
ATTEMPTS = 2
INNOCENT = 20


@pytest.fixture
def office(world: World, declared_broker: Broker) -> Office:
    return Office(world, declared_broker)


class Supervised:
    """A worker that is started again whenever it ends, as `restart: unless-stopped` does."""

    def __init__(self, settings: dict[str, str], log: Path) -> None:
        self._settings = settings
        self._log = log
        self._stopping = threading.Event()
        self.ends: list[int] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._child is not None:
            self._child.kill()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with self._log.open("ab") as log:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "tests.worker.poisoned"],
                    cwd=ROOT,
                    env={**os.environ, **self._settings},
                    stdout=log,
                    stderr=log,
                )
            code = self._child.wait()
            if not self._stopping.is_set():
                self.ends.append(code)


Supervise = Callable[[], Supervised]


@pytest.fixture
def supervise(office: Office, registry: Registry, tmp_path: Path) -> Iterator[Supervise]:
    """Give a starter of a worker that is looked after."""
    running: list[Supervised] = []

    def begin() -> Supervised:
        settings = {
            "DATABASE_URL": office.world.engine.url.render_as_string(hide_password=False),
            "BROKER_URL": office.broker.url,
            "BROKER_NAMESPACE": office.broker.namespace,
            "SOURCES": "receita",
            "RECEITA_URL": registry.page,
            "RECEITA_TIMEOUT": "1",
            "LOOKUP_SLOTS": "4",
            "MAX_ATTEMPTS": str(ATTEMPTS),
        }
        running.append(Supervised(settings, tmp_path / "log"))
        return running[-1]

    yield begin
    for each in running:
        each.stop()


def test_a_page_that_kills_its_worker_each_time_fails_alone(
    office: Office, supervise: Supervise
) -> None:
    innocent = [cnpj(number) for number in range(1, INNOCENT + 1)]
    runs = office.publish(*innocent[:2], poisoned.DEADLY, *innocent[2:])
    guilty = runs.pop(2)
    worker = supervise()
    run = office.wait(guilty, "error")
    assert run.error_code == "attempts_exhausted"
    assert run.error_detail == "O processo foi interrompido em todas as tentativas."
    office.wait_all(runs)
    assert len(worker.ends) == ATTEMPTS
    (dead,) = take(office.broker, "job_created_dlq", timeout=LONG)
    assert dead.data["run_id"] == str(guilty)
    assert office.world.mail_kinds(guilty) == ["started", "finished"]
    assert len(office.world.results()) == INNOCENT


def _code(office: Office, run_id: uuid.UUID) -> str | None:
    code: str | None = office.world.run(run_id).error_code
    return code


def test_a_page_that_never_ends_gives_its_slot_back_and_fails_in_the_end(
    office: Office, supervise: Supervise
) -> None:
    # As many as there are slots: the next page needs one of them.
    hung = office.publish(*[poisoned.ENDLESS] * 4)
    worker = supervise()
    (good,) = office.publish(cnpj(1))
    for run_id in hung:
        wait_until(partial(_code, office, run_id), LONG)
    office.wait(good, "processed")
    office.publish_again()
    for run_id in hung:
        run = office.wait(run_id, "error")
        assert run.error_code == "attempts_exhausted"
        assert (
            run.error_detail == "A leitura da página não terminou a tempo. (depois de 2 tentativas)"
        )
    assert worker.ends == []


def test_a_page_that_holds_the_whole_process_ends_it_and_then_fails(
    office: Office, supervise: Supervise
) -> None:
    guilty, good = office.publish(poisoned.HOLDING, cnpj(1))
    worker = supervise()
    office.wait(guilty, "error")
    office.wait(good, "processed")
    assert set(worker.ends) == {1}
