"""Jobs and sources that are away, with the real dispatcher and workers as processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from devstack.registry import reserved
from devstack.servers import ROOT
from tests.clients import Broker, Registry
from tests.people import cnpj
from tests.waiting import wait_until
from tests.world import World

SLOW_MACHINE_SECONDS = 60.0
END_SECONDS = 30.0
WORKERS = 2
# More than the workers have slots: those already on their way may still ask when the breaker opens.
JOBS = 60
DISPATCHER = ("-m", "flask", "--app", "agendador.app", "dispatch")
WORKER = ("-m", "worker", "lookups")


@contextmanager
def running(command: tuple[str, ...], log: Path, env: dict[str, str]) -> Iterator[None]:
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 our own
            [sys.executable, *command], cwd=ROOT, env=env, stdout=output, stderr=output
        ) as process,
    ):
        yield
        process.terminate()
        process.wait(END_SECONDS)


@pytest.fixture
def ledger(
    own_world: World, declared_broker: Broker, registry: Registry, tmp_path: Path
) -> Iterator[World]:
    """Give a ledger whose jobs a dispatcher and workers take to the simulator."""
    url = own_world.engine.url.render_as_string(hide_password=False)
    env = os.environ | {
        "DATABASE_URL": url,
        "BROKER_URL": declared_broker.url,
        "BROKER_NAMESPACE": declared_broker.namespace,
        "SOURCES": "receita",
        "RECEITA_URL": registry.page,
        "NOT_FOUND_RETRIES": "0.1,0.1",
    }
    with ExitStack() as processes:
        for number, command in enumerate([DISPATCHER] + [WORKER] * WORKERS):
            processes.enter_context(running(command, tmp_path / f"{number}.log", env))
        yield own_world


def test_a_source_that_fails_is_left_alone_and_taken_up_again_and_no_job_is_lost(
    ledger: World, registry: Registry
) -> None:
    registry.behave(status=503)
    jobs = [ledger.add(cpf_cnpj=cnpj(number)) for number in range(JOBS)]
    wait_until(lambda: _breaker_is_open(ledger), SLOW_MACHINE_SECONDS)
    wait_until(lambda: _all_wait(ledger), SLOW_MACHINE_SECONDS)
    asked = len(registry.requests())
    assert asked < JOBS

    # Whoever comes again meanwhile does not ask.
    ledger.end_pauses()
    wait_until(lambda: _all_wait(ledger), SLOW_MACHINE_SECONDS)
    assert len(registry.requests()) == asked

    registry.behave()
    ledger.write("UPDATE source_health SET open_until = now()")

    def all_are_processed() -> bool:
        ledger.end_pauses()
        return set(ledger.statuses().values()) == {"processed"}

    wait_until(all_are_processed, SLOW_MACHINE_SECONDS, because="not all are processed")
    assert sorted(result.job_id for result in ledger.results()) == sorted(jobs)
    assert not _breaker_is_open(ledger)


def test_what_the_only_source_does_not_know_is_asked_again_before_the_job_ends(
    ledger: World, registry: Registry
) -> None:
    job_id = ledger.add(cpf_cnpj=reserved.NOT_FOUND)
    wait_until(lambda: ledger.job(job_id).status == "error", SLOW_MACHINE_SECONDS)

    assert len(registry.requests(reserved.NOT_FOUND)) == 3
    (run,) = ledger.runs(job_id)
    assert (run.error_code, run.attempt, run.not_found_count) == ("not_found", 1, 2)
    assert ledger.mail_kinds(run.id) == ["started", "finished"]


def _breaker_is_open(ledger: World) -> bool:
    return bool(ledger.rows("SELECT 1 FROM source_health WHERE open_until > now()"))


def _all_wait(ledger: World) -> bool:
    return not ledger.rows(
        "SELECT 1 FROM job WHERE status <> 'queued' UNION ALL "
        "SELECT 1 FROM run WHERE status <> 'queued' OR next_attempt_at IS NULL"
    )
