"""The worker of lookups against the real ledger, broker and page simulator."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.broker import topology
from core.ledger.models import Status
from core.ledger.transitions import pages
from devstack.registry import reserved
from devstack.registry.pages import certificate
from devstack.servers import ROOT
from tests.clients import Broker, Registry
from tests.people import cnpj
from tests.proxy import Proxy
from tests.queues import channel_to, depth, port_of, put, take, url_of
from tests.waiting import wait_until
from tests.worker.mailer.outage import cut_off, let_in
from tests.world import MARIA, W2, World
from worker import attempt, lookups
from worker.lookups import Lookups
from worker.settings import LookupSettings
from worker.sources.chain import build_chain
from worker.sources.company import Company

LONG = 30.0


@dataclass(frozen=True)
class Office:
    """Where jobs are published without a dispatcher, and what became of them is looked up."""

    world: World
    broker: Broker

    def publish(self, *cnpjs: str, **fields: Any) -> list[uuid.UUID]:
        """Make a job of each CNPJ and put its message into the queue; return their runs."""
        jobs = [self.world.add(cpf_cnpj=number, **fields) for number in cnpjs]
        self.publish_due()
        return [self.world.runs(job_id)[-1].id for job_id in jobs]

    def publish_due(self) -> None:
        self._put(self.world.take_due())

    def publish_again(self) -> None:
        """Publish what waits for another attempt, as if its time had come, or is stranded."""
        self.world.end_pauses()
        self._put([*self.world.take_due(), *self.world.take_stranded()])

    def send(self, run_id: uuid.UUID, priority: int = 0) -> None:
        self.put(json.dumps({"run_id": str(run_id)}).encode(), priority)

    def put(self, body: bytes, priority: int = 0) -> None:
        put(self.broker, "create-job-use-case", "job_created", body, priority)

    def _put(self, runs: Sequence[Any]) -> None:
        self.world.mark_queued(*(run.run_id for run in runs))
        for run in runs:
            self.send(run.run_id, run.priority)

    def wait(self, run_id: uuid.UUID, status: str) -> Any:
        """Wait until a run has a status and its message is dealt with; return the run."""

        def reached() -> Any:
            run = self.world.run(run_id)
            return run if run.status == status else None

        return wait_until(reached, LONG, because=f"never {status}")

    def wait_all(self, run_ids: Sequence[uuid.UUID], status: str = "processed") -> None:
        for run_id in run_ids:
            self.wait(run_id, status)

    def is_quiet(self) -> bool:
        """Tell whether the queue holds no message, delivered or not."""
        with channel_to(self.broker) as channel:
            queue = self.broker.namespace + "job_created"
            if channel.queue_declare(queue, passive=True).method.message_count:
                return False
            # What a consumer holds would stop this.
            consumers = channel.queue_declare(queue, passive=True).method.consumer_count
        return consumers == 0 or not self.world.rows(
            "SELECT 1 FROM run WHERE status = 'processing'"
        )


@pytest.fixture
def office(world: World, declared_broker: Broker) -> Office:
    return Office(world, declared_broker)


@dataclass(frozen=True)
class Running:
    """A worker in a thread of this process."""

    stopping: threading.Event
    thread: threading.Thread

    def stop(self) -> None:
        self.stopping.set()
        self.thread.join(LONG)
        assert not self.thread.is_alive()


Start = Callable[..., Running]


@pytest.fixture(autouse=True)
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a worker see soon that it is to stop, or that the broker is back."""
    monkeypatch.setattr(lookups, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(lookups, "RECONNECT_SECONDS", 0.1)


@pytest.fixture
def start(office: Office, registry: Registry) -> Iterator[Start]:
    """Give a starter of workers; `port` is a proxy's, other arguments are settings."""
    running: list[Running] = []

    def begin(
        port: int | None = None,
        chain: attempt.Lookup | None = None,
        timeout: float = 10,
        **changes: Any,
    ) -> Running:
        usual = {
            "database_url": office.world.engine.url.render_as_string(hide_password=False),
            "broker_url": url_of(office.broker, port),
            "broker_namespace": office.broker.namespace,
            "sources": "receita",
            "receita": {"url": registry.page, "timeout": timeout},
            "lookup_slots": 4,
            "not_found_retries": "0.1",
        }
        settings = LookupSettings.model_validate(usual | changes)
        worker = Lookups(settings, chain or build_chain(settings))
        stopping = threading.Event()
        thread = threading.Thread(target=worker.run, args=(stopping,))
        running.append(Running(stopping, thread))
        thread.start()
        return running[-1]

    yield begin
    registry.behave()
    for each in running:
        each.stop()


@pytest.fixture
def proxy(declared_broker: Broker) -> Iterator[Proxy]:
    made = Proxy(port_of(declared_broker))
    yield made
    made.shut()


def asked(registry: Registry) -> list[str]:
    return [entry["cnpj"] for entry in registry.requests()]


def test_a_job_becomes_a_result_and_two_mails(
    office: Office, start: Start, registry: Registry
) -> None:
    start()
    (run_id,) = office.publish(cnpj(7), request_id="r-1")
    run = office.wait(run_id, "processed")
    assert (run.attempt, run.source, run.error_code) == (1, "receita", None)
    assert run.started_at < run.finished_at
    (result,) = office.world.results()
    assert (result.cnpj, result.source) == (cnpj(7), "receita")
    assert result.nome_empresarial
    assert result.data_pesquisa
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    assert office.world.job(run.job_id).status == "processed"
    assert asked(registry) == [cnpj(7)]


def test_a_page_that_a_person_gave_is_read_instead_of_asking(
    office: Office, start: Start, registry: Registry
) -> None:
    start()
    (refused,) = office.publish(reserved.CAPTCHA)
    job_id = office.wait(refused, "error").job_id
    for page, status, code in (
        (certificate(cnpj(7)), "error", "other_company"),
        (certificate(reserved.CAPTCHA), "processed", None),
    ):
        with office.world.engine.begin() as connection:
            pages.give_page(connection, job_id, MARIA, page)
        office.publish_again()
        run = office.wait(office.world.runs(job_id)[-1].id, status)
        assert (run.error_code, run.attempt) == (code, 1)
    (result,) = office.world.results()
    assert (result.cnpj, result.source, run.source) == (reserved.CAPTCHA, "receita", "receita")
    assert office.world.mail_kinds(run.id) == ["started", "finished"]
    assert office.world.job(job_id).status == "processed"
    assert asked(registry) == [reserved.CAPTCHA]


def test_the_highest_priority_is_first_and_equals_are_as_they_came(
    office: Office, start: Start, registry: Registry
) -> None:
    priorities = (0, 5, 3, 1, 5, 0, 4, 2, 5)
    run_ids = [
        office.publish(cnpj(number), priority=priority)[0]
        for number, priority in enumerate(priorities, start=1)
    ]
    start(lookup_slots=1)
    office.wait_all(run_ids)
    best_first = sorted(enumerate(priorities, start=1), key=lambda pair: -pair[1])
    assert asked(registry) == [cnpj(number) for number, _ in best_first]
    started = [row.id for row in office.world.rows("SELECT id FROM run ORDER BY started_at")]
    assert started == [run_ids[number - 1] for number, _ in best_first]


def test_a_page_that_is_slow_delays_nobody_else(office: Office, start: Start) -> None:
    start(lookup_slots=2, timeout=2)
    (slow,) = office.publish(reserved.SLOW)
    office.wait(slow, "processing")
    others = office.publish(*(cnpj(number) for number in range(1, 6)))
    office.wait_all(others)
    assert office.world.run(slow).status == "processing"


NIL = str(uuid.UUID(int=1)).encode()
GARBAGE = (
    b"",
    b"not JSON",
    b"\xff\xfe\x00",
    b"{}",
    b"[]",
    b"null",
    b"7",
    b'{"run_id": 7}',
    b'{"run_id": null}',
    b'{"run_id": "not an id"}',
    b'{"run_id": ["' + NIL + b'"]}',
    b'{"RUN_ID": "' + NIL + b'"}',
    b"[" * 100_000,
    b'{"run_id": "' + NIL + b'", "x": "' + b"x" * 300_000 + b'"}',
)


def test_what_nobody_understands_is_a_dead_letter(office: Office, start: Start) -> None:
    start(lookup_slots=2)
    for body in GARBAGE:
        office.put(body)
    dead = take(office.broker, "job_created_dlq", len(GARBAGE), LONG)
    assert sorted(letter.body for letter in dead) == sorted(GARBAGE)


def test_a_worker_lives_on_after_any_garbage(office: Office, start: Start) -> None:
    start(lookup_slots=1)
    for _ in range(5):
        office.put(b"\0garbage")
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processed")
    assert len(take(office.broker, "job_created_dlq", 5)) == 5


def test_a_message_of_a_run_that_is_not_there_is_dropped(office: Office, start: Start) -> None:
    start(lookup_slots=1)
    office.send(uuid.uuid4())
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processed")
    wait_until(office.is_quiet)
    assert depth(office.broker, "job_created_dlq") == 0


def test_the_same_message_many_times_is_one_lookup(
    office: Office, start: Start, registry: Registry
) -> None:
    registry.behave(delay_ms=200)
    (run_id,) = office.publish(cnpj(1))
    for _ in range(5):
        office.send(run_id)
    start(lookup_slots=4)
    office.wait(run_id, "processed")
    office.send(run_id)
    (last,) = office.publish(cnpj(2))
    office.wait(last, "processed")
    wait_until(office.is_quiet)
    assert asked(registry) == [cnpj(1), cnpj(2)]
    assert len(office.world.results()) == 2
    assert office.world.mail_kinds(run_id) == ["started", "finished"]


def test_two_workers_share_the_jobs_and_do_each_once(
    office: Office, start: Start, registry: Registry
) -> None:
    run_ids = office.publish(*(cnpj(number) for number in range(1, 41)))
    start()
    start()
    office.wait_all(run_ids)
    assert sorted(asked(registry)) == sorted(cnpj(number) for number in range(1, 41))
    assert len(office.world.results()) == 40
    assert len(office.world.mails()) == 80


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (reserved.SERVER_ERROR, "unavailable"),
        (reserved.BUSY, "unavailable"),
        (reserved.CUT, "unavailable"),
        (reserved.RATE_LIMITED, "rate_limited"),
        (reserved.OTHER_COMPANY, "wrong_company"),
    ],
)
def test_a_passing_failure_waits_for_another_attempt(
    office: Office, start: Start, number: str, code: str
) -> None:
    start()
    (run_id,) = office.publish(number)
    run = wait_until(lambda: waits(office, run_id), LONG)
    assert (run.attempt, run.error_code) == (1, code)
    assert office.world.job(run.job_id).status == "queued"
    assert office.world.mail_kinds(run_id) == ["started"]
    wait_until(office.is_quiet)
    assert depth(office.broker, "job_created_dlq") == 0


def waits(office: Office, run_id: uuid.UUID) -> Any:
    run = office.world.run(run_id)
    return run if run.next_attempt_at is not None else None


def seconds_to_wait(office: Office, run_id: uuid.UUID) -> float:
    run = wait_until(lambda: waits(office, run_id), LONG)
    (ended,) = office.world.rows("SELECT now() AS now")
    return float((run.next_attempt_at - ended.now).total_seconds())


def test_a_page_that_fails_twice_is_tried_until_it_works(
    office: Office, start: Start, registry: Registry
) -> None:
    start()
    (run_id,) = office.publish(reserved.FLAKY)
    for _ in range(2):
        wait_until(lambda: waits(office, run_id), LONG)
        office.publish_again()
    run = office.wait(run_id, "processed")
    assert run.attempt == 3
    assert [entry["status"] for entry in registry.requests()] == [503, 503, 200]
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    assert len(office.world.results()) == 1


def test_pauses_grow_and_what_the_source_asks_for_is_honoured(office: Office, start: Start) -> None:
    start()
    (run_id,) = office.publish(reserved.SERVER_ERROR)
    # 5 and 15 seconds, half of it more or less, and what this test itself took.
    assert seconds_to_wait(office, run_id) < 7.5
    office.publish_again()
    wait_until(lambda: office.world.run(run_id).attempt == 2, LONG)
    assert 5 < seconds_to_wait(office, run_id) < 22.5
    (limited,) = office.publish(reserved.RATE_LIMITED)
    began = office.world.now()
    run = wait_until(lambda: waits(office, limited), LONG)
    assert (run.next_attempt_at - began).total_seconds() >= reserved.RETRY_AFTER_SECONDS


def test_after_the_last_attempt_the_job_has_failed_and_its_message_is_a_dead_letter(
    office: Office, start: Start, registry: Registry
) -> None:
    start(max_attempts=2)
    (run_id,) = office.publish(reserved.SERVER_ERROR)
    wait_until(lambda: waits(office, run_id), LONG)
    office.publish_again()
    run = office.wait(run_id, "error")
    assert (run.error_code, run.attempt) == ("attempts_exhausted", 2)
    assert "2 tentativas" in run.error_detail
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    (dead,) = take(office.broker, "job_created_dlq", timeout=LONG)
    assert dead.data["run_id"] == str(run_id)
    assert len(asked(registry)) == 2


def test_a_run_that_killed_its_worker_each_time_is_given_up_without_asking_again(
    office: Office, start: Start, registry: Registry
) -> None:
    (run_id,) = office.publish(cnpj(1))
    office.world.write("UPDATE run SET attempt = 5")
    start(max_attempts=5)
    run = office.wait(run_id, "error")
    assert run.error_code == "attempts_exhausted"
    take(office.broker, "job_created_dlq", timeout=LONG)
    assert asked(registry) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(reserved.CAPTCHA, "captcha"), (reserved.OTHER_LAYOUT, "layout_changed")],
)
def test_a_failure_that_no_retry_helps_ends_the_job_at_once(
    office: Office, start: Start, number: str, code: str
) -> None:
    start()
    (run_id,) = office.publish(number)
    run = office.wait(run_id, "error")
    assert (run.error_code, run.attempt) == (code, 1)
    assert run.error_detail
    assert office.world.job(run.job_id).status == "error"
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    assert office.world.mails()[-1].context["error_code"] == code
    assert office.world.results() == []
    wait_until(office.is_quiet)
    assert depth(office.broker, "job_created_dlq") == 0


def test_a_company_that_is_not_found_is_looked_for_again_before_the_job_ends(
    office: Office, start: Start, registry: Registry
) -> None:
    start()
    (run_id,) = office.publish(reserved.NOT_FOUND)
    wait_until(lambda: waits(office, run_id), LONG)
    office.publish_again()
    assert office.wait(run_id, "error").error_code == "not_found"
    assert len(asked(registry)) == 2
    assert office.world.mail_kinds(run_id) == ["started", "finished"]


def test_a_source_that_never_ends_its_page_fails_in_time(office: Office, start: Start) -> None:
    start(timeout=1)
    dripping, huge = office.publish(reserved.DRIPPING, reserved.HUGE)
    for run_id in (dripping, huge):
        run = wait_until(lambda: waits(office, run_id), LONG)  # noqa: B023
        assert run.error_code == "unavailable"


def test_a_job_that_is_cancelled_meanwhile_stays_cancelled(
    office: Office, start: Start, registry: Registry
) -> None:
    registry.behave(delay_ms=2_000)
    start()
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processing")
    office.world.cancel(office.world.run(run_id).job_id)
    (other,) = office.publish(cnpj(2))
    office.wait(other, "processed")
    assert office.world.run(run_id).status == "cancelled"
    assert [result.cnpj for result in office.world.results()] == [cnpj(2)]
    assert office.world.mail_kinds(run_id) == ["started", "finished"]


def test_a_run_that_another_worker_took_over_is_let_go_of(
    office: Office, start: Start, registry: Registry
) -> None:
    registry.behave(delay_ms=2_000)
    start()
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processing")
    office.world.end_leases()
    office.world.claim(run_id, worker=W2)
    (other,) = office.publish(cnpj(2))
    office.wait(other, "processed")
    assert office.world.run(run_id).status == "processing"
    assert office.world.settle(run_id, Status.PROCESSED, attempt=2, worker=W2)
    assert len(office.world.results()) == 2
    wait_until(office.is_quiet)


def test_a_slow_page_keeps_its_run_by_signs_of_life(
    office: Office, start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "RENEW_SECONDS", 0.1)
    registry.behave(delay_ms=1500)
    start()
    (run_id,) = office.publish(cnpj(1))
    first = office.wait(run_id, "processing").lease_until
    wait_until(lambda: (office.world.run(run_id).lease_until or first) > first)
    assert office.world.run(run_id).status == "processing"


@dataclass(frozen=True)
class Odd:
    """A source whose every page cannot be stored, or that crashes, but for one CNPJ."""

    good: str
    crashes: bool = False

    def lookup(self, cnpj: str) -> tuple[Company, str]:
        if cnpj == self.good:
            return Company(cnpj=cnpj), "odd"
        if self.crashes:
            raise ZeroDivisionError(cnpj)
        return Company(cnpj=cnpj, nome_empresarial="\0 half \ud800"), "odd"


def test_a_result_that_the_database_refuses_ends_its_job_alone(
    office: Office, start: Start
) -> None:
    odd, good, odd_too = office.publish(cnpj(1), cnpj(2), cnpj(3))
    start(chain=Odd(good=cnpj(2)))
    office.wait(good, "processed")
    for run_id in (odd, odd_too):
        assert office.wait(run_id, "error").error_code == "unstorable"
        assert office.world.mail_kinds(run_id) == ["started", "finished"]
    wait_until(office.is_quiet)


def test_a_crash_of_the_parser_is_tried_again_and_then_given_up(
    office: Office, start: Start
) -> None:
    start(chain=Odd(good=cnpj(2), crashes=True), max_attempts=2)
    (run_id,) = office.publish(cnpj(1))
    run = wait_until(lambda: waits(office, run_id), LONG)
    assert run.error_code == "internal_error"
    office.publish_again()
    assert office.wait(run_id, "error").error_code == "attempts_exhausted"
    (other,) = office.publish(cnpj(2))
    office.wait(other, "processed")


def test_a_broker_that_breaks_off_while_pages_are_fetched_costs_nothing(
    office: Office, start: Start, registry: Registry, proxy: Proxy
) -> None:
    registry.behave(delay_ms=300)
    start(proxy.port)
    run_ids = office.publish(*(cnpj(number) for number in range(1, 13)))
    for run_id in run_ids[:2]:
        wait_until(lambda: office.world.run(run_id).status != "queued", LONG)  # noqa: B023
        proxy.shut()
        proxy.open()
    office.wait_all(run_ids)
    assert sorted(result.cnpj for result in office.world.results()) == sorted(
        cnpj(number) for number in range(1, 13)
    )
    for run_id in run_ids:
        assert office.world.mail_kinds(run_id) == ["started", "finished"]
    wait_until(office.is_quiet)
    # The worker that holds a run knows it when its message comes again.
    assert len(asked(registry)) == 12


def test_a_database_that_goes_away_while_pages_are_fetched_costs_nothing(
    office: Office, start: Start, registry: Registry
) -> None:
    registry.behave(delay_ms=2_000)
    start()
    run_ids = office.publish(*(cnpj(number) for number in range(1, 9)))
    office.wait(run_ids[0], "processing")
    cut_off(office.world.engine)
    wait_until(lambda: len(asked(registry)) >= 4)
    let_in(office.world.engine)
    office.wait_all(run_ids)
    assert len(office.world.results()) == 8
    for run_id in run_ids:
        assert office.world.mail_kinds(run_id) == ["started", "finished"]
    assert len(asked(registry)) == 8
    wait_until(office.is_quiet)


@dataclass(frozen=True)
class Held:
    """A source that answers when its gate is opened."""

    gate: threading.Event

    def lookup(self, cnpj: str) -> tuple[Company, str]:
        self.gate.wait(LONG)
        return Company(cnpj=cnpj), "held"


def test_an_attempt_that_ended_while_the_database_is_away_does_not_hang_however_long_that_takes(
    office: Office,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
    read_logs: Callable[[], str],
) -> None:
    monkeypatch.setattr(lookups, "SPARE_SECONDS", 2.0)
    gate = threading.Event()
    start(chain=Held(gate), timeout=0.1, max_attempts=1)
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processing")
    cut_off(office.world.engine)
    gate.set()
    time.sleep(2.5)
    let_in(office.world.engine)
    office.wait(run_id, "processed")
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    wait_until(office.is_quiet)
    assert depth(office.broker, "job_created_dlq") == 0
    assert "attempt_hangs" not in read_logs()


def test_a_queue_that_is_deleted_and_made_again_is_consumed_again(
    office: Office, start: Start, proxy: Proxy
) -> None:
    start(proxy.port)
    (first,) = office.publish(cnpj(1))
    office.wait(first, "processed")
    with channel_to(office.broker) as channel:
        channel.queue_delete(office.broker.namespace + "job_created")
    before = proxy.accepted
    wait_until(lambda: proxy.accepted >= before + 2, LONG, because="it never came again")
    # It does not leave a connection behind each time.
    assert proxy.connections <= 1
    with channel_to(office.broker) as channel:
        topology.declare(channel.connection, office.broker.namespace)
    (second,) = office.publish(cnpj(2))
    office.wait(second, "processed")


def test_a_worker_that_is_told_to_stop_finishes_what_it_is_at(
    office: Office, start: Start, registry: Registry
) -> None:
    registry.behave(delay_ms=2_000)
    worker = start(lookup_slots=2)
    run_ids = office.publish(*(cnpj(number) for number in range(1, 6)))
    office.wait(run_ids[0], "processing")
    office.wait(run_ids[1], "processing")
    worker.stop()
    statuses = [office.world.run(run_id).status for run_id in run_ids]
    assert sorted(statuses) == ["processed", "processed", "queued", "queued", "queued"]
    wait_until(lambda: depth(office.broker, "job_created") == 3)


def test_what_takes_too_long_is_handed_back_unharmed(
    office: Office, start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "SHUTDOWN_SECONDS", 0.2)
    registry.behave(delay_ms=4000)
    worker = start()
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processing")
    worker.stop()
    run = office.world.run(run_id)
    assert (run.status, run.attempt, run.worker) == ("queued", 0, None)
    assert office.world.job(run.job_id).status == "queued"
    wait_until(lambda: depth(office.broker, "job_created") == 1)
    registry.behave()
    start()
    assert office.wait(run_id, "processed").attempt == 1
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    assert len(office.world.results()) == 1


def test_a_worker_that_is_to_stop_while_the_database_is_away_loses_nothing(
    office: Office, start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups, "SHUTDOWN_SECONDS", 0.5)
    registry.behave(delay_ms=2_000)
    worker = start()
    (run_id,) = office.publish(cnpj(1))
    office.wait(run_id, "processing")
    cut_off(office.world.engine)
    worker.stop()
    let_in(office.world.engine)
    start()
    office.wait(run_id, "processed")
    assert len(office.world.results()) == 1
    assert office.world.mail_kinds(run_id) == ["started", "finished"]


def test_a_fault_that_nobody_thought_of_is_logged_and_survived(
    office: Office, start: Start, read_logs: Callable[[], str]
) -> None:
    start()
    office.world.write("ALTER TABLE mail RENAME TO mislaid")
    try:
        (run_id,) = office.publish(cnpj(1))
        wait_until(lambda: "worker_failed" in read_logs(), LONG)
    finally:
        office.world.write("ALTER TABLE mislaid RENAME TO mail")
    assert office.wait(run_id, "processed").attempt == 1
    assert office.world.mail_kinds(run_id) == ["started", "finished"]


def test_a_worker_that_has_stopped_leaves_no_thread_behind(office: Office, start: Start) -> None:
    before = threading.active_count()
    worker = start(lookup_slots=6)
    office.wait(office.publish(cnpj(1))[0], "processed")
    worker.stop()
    wait_until(lambda: threading.active_count() <= before)


def test_a_worker_without_a_broker_stops_when_told(start: Start, proxy: Proxy) -> None:
    proxy.shut()
    worker = start(proxy.port)
    worker.stop()


@contextmanager
def process(office: Office, registry: Registry, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real program; its log and heartbeat are in `folder`."""
    folder.mkdir()
    settings = {
        "DATABASE_URL": office.world.engine.url.render_as_string(hide_password=False),
        "BROKER_URL": office.broker.url,
        "BROKER_NAMESPACE": office.broker.namespace,
        "SOURCES": "receita",
        "RECEITA_URL": registry.page,
        "LOG_FORMAT": "json",
        "HEARTBEAT_FILE": str(folder / "beat"),
    }
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "worker", "lookups"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def test_a_worker_that_is_killed_in_the_middle_does_the_job_once_all_the_same(
    office: Office, registry: Registry, start: Start, tmp_path: Path
) -> None:
    registry.behave(delay_ms=60_000)
    with process(office, registry, tmp_path / "first") as worker:
        (run_id,) = office.publish(cnpj(1))
        wait_until(lambda: asked(registry), 60)
        worker.kill()
        worker.wait()
    registry.behave()
    start()
    run = office.wait(run_id, "processed")
    assert run.attempt == 2
    assert len(office.world.results()) == 1
    assert office.world.mail_kinds(run_id) == ["started", "finished"]
    assert office.world.job(run.job_id).status == "processed"


def test_the_process_stops_in_order_when_told_and_tells_what_it_did(
    office: Office, registry: Registry, tmp_path: Path
) -> None:
    registry.behave(delay_ms=2_000)
    folder = tmp_path / "worker"
    with process(office, registry, folder) as worker:
        (run_id,) = office.publish(cnpj(1), request_id="r-9")
        office.wait(run_id, "processing")
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    assert office.world.run(run_id).status == "processed"
    assert (folder / "beat").exists()
    assert depth(office.broker, "job_created") == 0
    events = [line["event"] for line in logged(folder)]
    assert events[0] == "worker_started"
    assert "run_settled" in events
    assert events[-1] == "worker_stopped"
