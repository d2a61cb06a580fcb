"""The dispatcher against the real ledger and broker; a proxy stands in for an outage."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agendador import confirms, dispatcher
from agendador.dispatcher import Dispatcher
from agendador.settings import AgendadorSettings
from core.broker import topology
from core.ledger.models import Status
from devstack.servers import ROOT
from tests.clients import Broker
from tests.proxy import Proxy
from tests.queues import Received, channel_to, depth, port_of, put, take, url_of
from tests.waiting import wait_until
from tests.worker.mailer.outage import cut_off, let_in
from tests.world import World

LONG = 30.0


@dataclass(frozen=True)
class Running:
    """A dispatcher in a thread."""

    stopping: threading.Event
    thread: threading.Thread

    def join(self) -> None:
        self.thread.join(LONG)
        assert not self.thread.is_alive()


Start = Callable[..., Running]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what a dispatcher looks after now and then be looked after soon."""
    monkeypatch.setattr(dispatcher, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(dispatcher, "STRANDED_SECONDS", 0.05)
    monkeypatch.setattr(confirms, "RETRY_DELAY", timedelta(seconds=0.1))


@pytest.fixture
def start(world: World, declared_broker: Broker) -> Iterator[Start]:
    """Give a starter of dispatchers; `port` is a proxy's, other arguments are settings."""
    running: list[Running] = []

    def begin(port: int | None = None, **settings: Any) -> Running:
        usual = {
            "database_url": world.engine.url.render_as_string(hide_password=False),
            "broker_url": url_of(declared_broker, port),
            "broker_namespace": declared_broker.namespace,
        }
        made = Dispatcher(AgendadorSettings.model_validate(usual | settings))
        stopping = threading.Event()
        thread = threading.Thread(target=made.run, args=(stopping,))
        running.append(Running(stopping, thread))
        thread.start()
        return running[-1]

    yield begin
    for each in running:
        each.stopping.set()
    # So that they need not wait for the next poll to see it.
    world.write("NOTIFY ledger_job")
    for each in running:
        each.join()


@pytest.fixture
def proxy(declared_broker: Broker) -> Iterator[Proxy]:
    made = Proxy(port_of(declared_broker))
    yield made
    made.shut()


def published(broker: Broker, at_least: int = 1) -> list[Received]:
    return take(broker, "job_created", at_least, LONG)


def all_queued(world: World) -> bool:
    return set(world.statuses().values()) == {"queued"}


def test_a_due_job_is_published_with_what_the_design_says(
    world: World, declared_broker: Broker, start: Start
) -> None:
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    job_id = world.add(
        title="ação", description="çã", priority=4, request_id="r-1", date=date, user="maria"
    )
    start()
    (message,) = published(declared_broker)
    (run,) = world.runs(job_id)
    assert message.data == {
        "id": job_id,
        "title": "ação",
        "description": "çã",
        "cpf_cnpj": "00000000000191",
        "date": "2026-01-02T03:04:05+00:00",
        "priority": 4,
        "status": "queued",
        "creator_id": "maria",
        "creator_email": "maria@example.org",
        "run_id": str(run.id),
        "attempt": 1,
    }
    properties = message.properties
    assert properties.message_id == str(run.id)
    assert properties.correlation_id == "r-1"
    assert (properties.type, properties.app_id) == ("job_created", "agendador-de-consulta-cnpj")
    assert (properties.priority, properties.delivery_mode) == (4, 2)
    assert properties.content_type == "application/json"
    assert abs(properties.timestamp - time.time()) < 60
    wait_until(lambda: all_queued(world))
    assert message.routing_key == "job_created"


def test_a_job_that_is_due_now_leaves_at_once(
    world: World, declared_broker: Broker, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "POLL_SECONDS", 20.0)
    start()
    waits: list[float] = []
    for _ in range(5):
        job_id = world.add()
        published(declared_broker)
        (run,) = world.runs(job_id)
        waits.append((run.created - world.job(job_id).created).total_seconds())
    # Nothing but the notification could have told of them so soon.
    assert sorted(waits)[2] < 0.5, waits


def test_a_job_of_the_future_leaves_within_a_second_of_its_time_and_not_before(
    world: World, declared_broker: Broker, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "POLL_SECONDS", 1.0)
    start()
    dates = [world.now() + timedelta(seconds=seconds) for seconds in (1.2, 1.5, 2.1, 2.4)]
    ids = [world.add(date=date) for date in dates]
    world.add(due_in=3600)
    assert {message.data["id"] for message in published(declared_broker, 4)} == set(ids)
    for job_id, date in zip(ids, dates, strict=True):
        (run,) = world.runs(job_id)
        assert run.scheduled_for == date
        assert 0 <= (run.created - date).total_seconds() < 1


def test_a_job_that_becomes_due_while_the_dispatcher_rests_leaves_right_after(
    world: World, declared_broker: Broker, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "POLL_SECONDS", 5.0)
    monkeypatch.setattr(dispatcher, "REST_SECONDS", 0.4)
    start()
    # So far ahead that nobody is told when they are made.
    first = world.now() + timedelta(seconds=2.5)
    second = first + timedelta(seconds=0.2)
    world.add(date=first)
    job_id = world.add(date=second)
    published(declared_broker, 2)
    (run,) = world.runs(job_id)
    assert (run.created - second).total_seconds() < 3


def test_a_job_that_is_brought_forward_leaves_at_once(
    world: World, declared_broker: Broker, start: Start
) -> None:
    start()
    job_id = world.add(due_in=3600)
    world.edit(job_id, date=world.now())
    assert published(declared_broker)[0].data["id"] == job_id


def test_what_is_due_is_published_by_priority_and_as_it_came(
    world: World, declared_broker: Broker, start: Start
) -> None:
    ids = [world.add(priority=priority) for priority in (1, 5, 3, 5)]
    start()
    wait_until(lambda: depth(declared_broker, "job_created") == 4)
    order = [message.data["id"] for message in published(declared_broker, 4)]
    assert order == [ids[1], ids[3], ids[2], ids[0]]


def test_what_waits_too_long_at_the_broker_is_published_once_more_one_level_higher(
    world: World, declared_broker: Broker, start: Start
) -> None:
    start()
    job_id = world.add(priority=1)
    wait_until(lambda: all_queued(world))
    world.write("UPDATE run SET waiting_since = now() - interval '31 minutes'")
    wait_until(lambda: depth(declared_broker, "job_created") == 2)
    wait_until(lambda: all_queued(world))
    risen, first = published(declared_broker, 2)
    assert [message.properties.priority for message in (risen, first)] == [2, 1]
    assert risen.data == first.data
    assert (risen.data["id"], risen.data["priority"]) == (job_id, 1)


def test_without_a_broker_jobs_stay_created_and_then_all_go_out(
    world: World, declared_broker: Broker, start: Start, proxy: Proxy
) -> None:
    proxy.shut()
    start(proxy.port)
    ids = {world.add() for _ in range(20)}
    wait_until(lambda: world.rows("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
    edited = min(ids)
    world.edit(edited, title="mudou de ideia")
    assert set(world.statuses().values()) == {"created"}
    assert world.rows("SELECT 1 FROM run") == []
    proxy.open()
    wait_until(lambda: all_queued(world), LONG)
    messages = {message.data["id"]: message.data for message in published(declared_broker, 20)}
    assert set(messages) == ids
    assert messages[edited]["title"] == "mudou de ideia"


def test_a_broker_that_breaks_off_again_and_again_loses_nothing(
    world: World, declared_broker: Broker, start: Start, proxy: Proxy
) -> None:
    start(proxy.port, dispatch_window=1000)
    ids = set()
    for _ in range(4):
        ids |= {world.add() for _ in range(25)}
        proxy.shut()
        proxy.open()
    # Runs whose confirm was lost wait for their lease, or for the dispatcher's own patience.
    wait_until(lambda: all_queued(world), LONG)
    messages = [message.data for message in published(declared_broker, len(ids))]
    assert {message["id"] for message in messages} == ids
    assert len({message["run_id"] for message in messages}) == len(ids)


def test_while_the_broker_owes_a_confirm_the_next_jobs_are_published(
    world: World, declared_broker: Broker, start: Start, proxy: Proxy
) -> None:
    start(proxy.port)
    world.add()
    wait_until(lambda: all_queued(world))
    proxy.mute()
    ids: list[int] = []
    for _ in range(2):
        ids.append(world.add())
        wait_until(lambda: depth(declared_broker, "job_created") == 1 + len(ids))
    assert {world.statuses()[job_id] for job_id in ids} == {"created"}
    proxy.unmute()
    wait_until(lambda: all_queued(world))


def test_what_was_taken_but_never_confirmed_is_published_by_whoever_comes_next(
    world: World, declared_broker: Broker, start: Start
) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.end_leases()
    start()
    (message,) = published(declared_broker)
    assert (message.data["id"], message.data["run_id"]) == (job_id, str(run.run_id))
    wait_until(lambda: all_queued(world))


def test_a_retry_is_published_when_it_is_due(
    world: World, declared_broker: Broker, start: Start
) -> None:
    job_id, run_id = world.start()
    start()
    world.settle(run_id, Status.QUEUED, retry_in=1.2, error_code="unavailable")
    (message,) = published(declared_broker)
    assert (message.data["id"], message.data["attempt"]) == (job_id, 2)
    # Its new lease began when it was taken.
    run = world.run(run_id)
    assert run.next_attempt_at is None


def test_a_message_that_is_lost_is_published_again_and_one_that_waits_is_not(
    world: World, declared_broker: Broker, start: Start
) -> None:
    start()
    for _ in range(3):
        world.add()
    wait_until(lambda: depth(declared_broker, "job_created") == 3)
    wait_until(lambda: all_queued(world))
    world.end_leases()
    # The broker holds all of them: their leases are renewed.
    wait_until(lambda: not world.rows("SELECT 1 FROM run WHERE lease_until <= now()"))
    assert depth(declared_broker, "job_created") == 3
    with channel_to(declared_broker) as channel:
        channel.queue_purge(declared_broker.namespace + "job_created")
    world.end_leases()
    assert len({message.data["id"] for message in published(declared_broker, 3)}) == 3


def test_a_queue_that_is_deleted_is_told_and_recovered_from(
    world: World, declared_broker: Broker, start: Start, read_logs: Callable[[], str]
) -> None:
    with channel_to(declared_broker) as channel:
        channel.queue_delete(declared_broker.namespace + "job_created")
    start()
    job_id = world.add(request_id="r-7")
    (event,) = take(declared_broker, "queue_error", timeout=LONG)
    (run,) = world.runs(job_id)
    assert (event.data["job_id"], event.data["run_id"]) == (job_id, str(run.id))
    assert event.data["request_id"] == event.properties.correlation_id == "r-7"
    assert "createqueue" in event.data["reason"]
    assert world.statuses() == {job_id: "created"}
    wait_until(lambda: read_logs().count("republishing") >= 2)
    with channel_to(declared_broker) as channel:
        topology.declare(channel.connection, declared_broker.namespace)
    assert published(declared_broker)[0].data["id"] == job_id
    wait_until(lambda: all_queued(world))
    # However often it is tried, one event tells of it.
    assert depth(declared_broker, "queue_error") == 0


def test_without_any_exchange_jobs_wait_until_createqueue_was_run(
    world: World, declared_broker: Broker, start: Start
) -> None:
    with channel_to(declared_broker) as channel:
        for binding in topology.bindings(declared_broker.namespace):
            channel.queue_delete(binding.queue)
            channel.exchange_delete(binding.exchange)
    start()
    job_id = world.add()
    wait_until(lambda: world.runs(job_id))
    assert world.statuses() == {job_id: "created"}
    with channel_to(declared_broker) as channel:
        topology.declare(channel.connection, declared_broker.namespace)
    assert published(declared_broker)[0].data["id"] == job_id
    wait_until(lambda: all_queued(world), LONG)


def test_a_database_that_goes_away_is_waited_for(
    world: World, declared_broker: Broker, start: Start
) -> None:
    start()
    world.add()
    published(declared_broker)
    cut_off(world.engine)
    let_in(world.engine)
    job_id = world.add()
    assert published(declared_broker)[0].data["id"] == job_id


def test_the_window_is_kept_and_refilled_as_workers_claim(
    world: World, declared_broker: Broker, start: Start
) -> None:
    for _ in range(10):
        world.add()
    start(dispatch_window=3)
    wait_until(lambda: depth(declared_broker, "job_created") == 3)
    taken = published(declared_broker, 3)
    wait_until(lambda: len(world.rows("SELECT 1 FROM run WHERE status = 'queued'")) == 3)
    assert len(world.rows("SELECT 1 FROM run")) == 3
    for message in taken:
        (run,) = world.runs(message.data["id"])
        world.claim(run.id)
    assert len(published(declared_broker, 3)) == 3
    assert len(world.rows("SELECT 1 FROM run")) == 6


def test_two_dispatchers_publish_every_job_once(
    world: World, declared_broker: Broker, start: Start
) -> None:
    start(dispatch_window=1000)
    start(dispatch_window=1000)
    ids = [world.add() for _ in range(100)]
    messages = [message.data["id"] for message in published(declared_broker, 100)]
    wait_until(lambda: all_queued(world), LONG)
    assert sorted(messages) == sorted(ids)
    assert depth(declared_broker, "job_created") == 0


def test_it_stops_and_shows_its_heartbeat_although_there_is_always_more_to_do(
    world: World, declared_broker: Broker, start: Start, tmp_path: Path
) -> None:
    # Each run that is made makes a job that is due.
    world.write(
        """
        CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                             creator_email, request_id, next_run_at)
            VALUES ('again', '', '', now(), 0, 'created', 'x', 'x', '', now());
            RETURN NULL;
        END $$"""
    )
    world.write("CREATE TRIGGER again AFTER INSERT ON run EXECUTE FUNCTION again()")
    world.add()
    beat = tmp_path / "beat"
    running = start(dispatch_window=1_000_000, heartbeat_file=beat)
    wait_until(lambda: len(world.rows("SELECT 1 FROM run")) > 20, LONG)
    beat.unlink()
    wait_until(beat.exists, LONG)
    running.stopping.set()
    running.join()
    world.write("DROP FUNCTION again CASCADE")


def test_a_fault_that_nobody_thought_of_is_logged_and_survived(
    world: World,
    declared_broker: Broker,
    start: Start,
    read_logs: Callable[[], str],
) -> None:
    start()
    world.write("ALTER TABLE run RENAME TO mislaid")
    job_id = world.add()
    try:
        wait_until(lambda: "dispatcher_failed" in read_logs())
    finally:
        world.write("ALTER TABLE mislaid RENAME TO run")
    assert published(declared_broker)[0].data["id"] == job_id


def test_confirms_that_cannot_be_noted_do_not_keep_it_from_stopping(
    world: World,
    start: Start,
    read_logs: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(confirms, "ON_THE_WAY", 1)
    monkeypatch.setattr(confirms, "EXPECT_SECONDS", 0.2)
    world.write(
        """
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            RAISE EXCEPTION 'refused';
        END $$"""
    )
    world.write(
        "CREATE TRIGGER refuse BEFORE UPDATE ON run FOR EACH ROW"
        " WHEN (NEW.status = 'queued') EXECUTE FUNCTION refuse()"
    )
    try:
        running = start()
        wait_until(lambda: world.add() and "dispatcher_failed" in read_logs())
        assert "confirms_not_noted" in read_logs()
        running.stopping.set()
        running.join()
    finally:
        world.write("DROP FUNCTION refuse CASCADE")


@contextmanager
def process(
    world: World, broker: Broker, log: Path, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    url = world.engine.url.render_as_string(hide_password=False)
    settings = {
        "DATABASE_URL": url,
        "BROKER_URL": broker.url,
        "BROKER_NAMESPACE": broker.namespace,
        "LOG_FORMAT": "json",
        **environment,
    }
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "agendador.app", "dispatch"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def test_the_process_shows_a_heartbeat_and_ends_within_seconds_of_sigterm(
    world: World, declared_broker: Broker, tmp_path: Path
) -> None:
    beat, log = tmp_path / "beat", tmp_path / "log"
    with process(world, declared_broker, log, HEARTBEAT_FILE=str(beat)) as child:
        job_id = world.add()
        assert published(declared_broker)[0].data["id"] == job_id
        wait_until(beat.exists)
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
    assert b"dispatcher_stopped" in log.read_bytes()
    assert b"Traceback" not in log.read_bytes()


def test_a_process_that_is_killed_leaves_nothing_behind(
    world: World, declared_broker: Broker, tmp_path: Path
) -> None:
    with process(world, declared_broker, tmp_path / "log") as child:
        wait_until(lambda: b"dispatcher_started" in (tmp_path / "log").read_bytes(), LONG)
        ids = {world.add() for _ in range(30)}
        wait_until(lambda: world.rows("SELECT 1 FROM run"))
        child.kill()
        child.wait()
    world.end_leases()
    with process(world, declared_broker, tmp_path / "log"):
        wait_until(lambda: all_queued(world), LONG)
    messages = [message.data for message in published(declared_broker, 30)]
    assert {message["id"] for message in messages} == ids
    assert len({message["run_id"] for message in messages}) == 30


def test_a_message_of_a_stranger_in_the_queue_does_not_confuse_the_depth(
    world: World, declared_broker: Broker, start: Start
) -> None:
    start()
    job_id = world.add()
    published(declared_broker)
    wait_until(lambda: all_queued(world))
    world.end_leases()
    # The run's own message is gone; it comes back once the stranger's is consumed.
    put(declared_broker, "create-job-use-case", "job_created", b"stranger")
    wait_until(lambda: not world.rows("SELECT 1 FROM run WHERE lease_until <= now()"))
    messages = published(declared_broker, 1)
    world.end_leases()
    if messages[-1].body == b"stranger":
        messages = published(declared_broker, 1)
    assert messages[-1].data["id"] == job_id
