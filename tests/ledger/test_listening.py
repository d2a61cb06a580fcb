import threading
import time
import uuid
from collections.abc import Iterator

import psycopg2
import pytest

from core.ledger.connection import JOB_CHANNEL, MAIL_CHANNEL, Listener
from core.ledger.models import Status
from core.settings import LedgerSettings
from tests.world import World

LONG = 20.0


@pytest.fixture
def name() -> str:
    return f"listener-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def listener(world: World, name: str) -> Iterator[Listener]:
    url = world.engine.url.render_as_string(hide_password=False)
    settings = LedgerSettings.model_validate({"database_url": url})
    listening = Listener(settings, name, [JOB_CHANNEL, MAIL_CHANNEL])
    assert listening.wait(LONG), "something may have been missed before it listened"
    yield listening
    listening.close()


def test_a_job_that_is_due_is_told_at_once(world: World, listener: Listener) -> None:
    adding = threading.Timer(0.1, world.add)
    adding.start()
    began = time.monotonic()
    assert listener.wait(LONG)
    assert time.monotonic() - began < LONG / 2
    adding.join()


def test_a_job_of_the_far_future_is_not_told(world: World, listener: Listener) -> None:
    world.add(due_in=3600)
    assert not listener.wait(0)


def test_whatever_makes_work_is_told(world: World, listener: Listener) -> None:
    job_id = world.add()
    assert listener.wait(LONG)
    (run_id,) = world.queue()
    world.claim(run_id)
    assert listener.wait(LONG), "a start mail"
    world.settle(run_id, Status.PROCESSED)
    assert listener.wait(LONG), "an end mail"
    assert not listener.wait(0)
    second = world.add(due_in=3600)
    world.edit(second, title="outro")
    assert listener.wait(LONG)
    del job_id


@pytest.mark.parametrize("waits", ["nothing", "job", "attempt"])
def test_room_at_the_broker_is_told_when_something_waits_for_it(world: World, waits: str) -> None:
    world.add()
    (run_id,) = world.queue()
    if waits == "attempt":
        _, other = world.start()
        world.settle(other, Status.QUEUED, error_code="unavailable", retry_in=-1)
    world.add(due_in=-1 if waits == "job" else 3600)
    url = world.engine.url.render_as_string(hide_password=False)
    settings = LedgerSettings.model_validate({"database_url": url})
    dispatcher = Listener(settings, "dispatcher", [JOB_CHANNEL])
    assert dispatcher.wait(LONG)
    world.claim(run_id)
    assert dispatcher.wait(0.3 if waits == "nothing" else LONG) == (waits != "nothing")
    dispatcher.close()


def test_what_is_rolled_back_is_not_told(world: World, listener: Listener) -> None:
    with world.engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_notify('{JOB_CHANNEL}', '')")
        connection.rollback()
    assert not listener.wait(0)


def test_many_tellings_at_once_are_one(world: World, listener: Listener) -> None:
    for _ in range(5):
        world.add()
    assert listener.wait(LONG)
    # All that had come was taken together, as soon as all had come.
    while listener.wait(0.2):
        pass
    assert not listener.wait(0)


def test_a_lost_connection_is_told_and_made_again(
    world: World, listener: Listener, name: str
) -> None:
    world.rows(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = :n",
        n=name,
    )
    # It may first hear the reason, and only then that it was cut off.
    with pytest.raises(psycopg2.OperationalError):  # noqa: PT012
        while not listener.wait(LONG):
            pass
    assert listener.wait(LONG), "something may have been missed meanwhile"
    world.add()
    assert listener.wait(LONG)


def test_a_database_that_is_away_is_told(world: World) -> None:
    url = world.engine.url.set(database="nowhere").render_as_string(hide_password=False)
    listening = Listener(LedgerSettings.model_validate({"database_url": url}), "x", [JOB_CHANNEL])
    with pytest.raises(psycopg2.OperationalError):
        listening.wait(1)
    listening.close()
