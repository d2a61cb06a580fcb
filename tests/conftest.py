"""Real servers for every test: started once for a run, in a folder of its own, and shared.

A test gets what it names: a fresh ledger database, a fresh MongoDB database, a namespace of its own
at the broker, an empty inbox. Only the servers that the collected tests need are started.
"""

import logging
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pika
import pymongo
import pytest
import structlog

from core import logs
from core.broker import topology
from core.settings import Settings
from devstack import homes, ports, postgres
from devstack.process import Program
from devstack.servers import PORTS, ROOT, Servers, start_together
from tests.clients import Broker, Inbox, Registry
from tests.world import World, world_of

# Which server a fixture below stands for.
NEEDED_BY = {
    "ledger_template": {"postgres"},
    "mongo_url": {"mongo"},
    "broker": {"epmd", "rabbitmq"},
    "inbox": {"inbox"},
    "registry": {"registry"},
}
MIGRATION_TIMEOUT_SECONDS = 60
TEMPLATE = "ledger_template"


@pytest.fixture
def usual_logging() -> Iterator[None]:
    """Leave the logs as they were, for a test that configures them."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lowest, steps = logs.Logger.lowest, logs.Logger.steps
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logs.Logger.lowest, logs.Logger.steps = lowest, steps
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def read_logs(usual_logging: None, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Give all that this process has logged since the test began, as often as it is called."""
    logs.configure(Settings(), "test")
    told: list[str] = []

    def read() -> str:
        told.extend(capsys.readouterr())
        return "".join(told)

    return read


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Start the servers of this run (see devstack.servers), those that it needs running."""
    with homes.throwaway("test") as home:
        running = Servers(home, ports.remembered(home, PORTS), durable=False)
        wanted = {name for item in request.session.items for name in _needed(item)}
        start_together(p for name, p in running.programs().items() if name in wanted)
        yield running


@pytest.fixture
def programs(servers: Servers) -> Iterator[dict[str, Program]]:
    """Give the servers by name, for a test that stops or kills some; they run again afterwards.

    Such a test names the fixtures of the servers that it needs, too.
    """
    by_name = servers.programs()
    running = [program for program in by_name.values() if program.process()]
    yield by_name
    for program in running:
        program.start()


@pytest.fixture(scope="session")
def ledger_template(servers: Servers) -> str:
    """Give the name of a database that the real migrations made."""
    _administer(servers, f"CREATE DATABASE {TEMPLATE}")
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "agendador.app", "db", "upgrade"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": servers.database_url(TEMPLATE),
            "BROKER_URL": servers.broker_url,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=MIGRATION_TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, f"flask db upgrade failed:\n{done.stdout}\n{done.stderr}"
    return TEMPLATE


@pytest.fixture
def database_url(servers: Servers, ledger_template: str) -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty, migrated ledger of this test alone."""
    name = _fresh_name("ledger")
    _administer(servers, f"CREATE DATABASE {name} TEMPLATE {ledger_template} STRATEGY FILE_COPY")
    yield servers.database_url(name)
    _administer(servers, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shared_ledger_url(servers: Servers, ledger_template: str) -> str:
    """Give the SQLAlchemy URL of a migrated ledger that tests share, one after the other."""
    name = _fresh_name("ledger")
    _administer(servers, f"CREATE DATABASE {name} TEMPLATE {ledger_template} STRATEGY FILE_COPY")
    return servers.database_url(name)


@pytest.fixture
def world(shared_ledger_url: str) -> Iterator[World]:
    """Give an empty ledger, and what each actor does with it; for tests without processes."""
    with world_of(shared_ledger_url) as mine:
        mine.empty()
        yield mine


@pytest.fixture
def own_world(database_url: str) -> Iterator[World]:
    """Give a ledger of this test alone, which processes may go on using until the test ends."""
    with world_of(database_url) as mine:
        yield mine


@pytest.fixture
def mongo_url(servers: Servers) -> str:
    """Give MongoDB's URL; use it with ``mongo_database``."""
    return servers.mongo_url


@pytest.fixture
def mongo_database(mongo_url: str) -> Iterator[str]:
    """Give the name of an empty MongoDB database of this test alone."""
    name = _fresh_name("users")
    yield name
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url)
    with client:
        client.drop_database(name)


@pytest.fixture
def broker(servers: Servers) -> Iterator[Broker]:
    """Give RabbitMQ with a namespace of this test alone, in which nothing is declared yet."""
    mine = Broker(servers.broker_url, _fresh_name("test") + ".")
    yield mine
    with pika.BlockingConnection(pika.URLParameters(mine.url)) as connection:
        channel = connection.channel()
        for binding in topology.bindings(mine.namespace):
            channel.queue_delete(binding.queue)
            channel.exchange_delete(binding.exchange)


@pytest.fixture
def declared_broker(broker: Broker) -> Broker:
    """Give the test's broker with every queue of the system (what ``flask createqueue`` makes)."""
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        topology.declare(connection, broker.namespace)
    return broker


@pytest.fixture
def inbox(servers: Servers) -> Inbox:
    """Give the mail catcher, empty."""
    caught = Inbox(servers.inbox_url, ports.LOOPBACK, servers.ports["smtp"])
    caught.clear()
    return caught


@pytest.fixture
def registry(servers: Servers) -> Registry:
    """Give the registry simulator, which was not asked anything yet."""
    simulator = Registry(servers.registry_url, servers.registry_page)
    simulator.clear()
    return simulator


def _needed(item: pytest.Item) -> set[str]:
    fixtures = getattr(item, "fixturenames", ())
    return {server for name in fixtures for server in NEEDED_BY.get(name, ())}


def _fresh_name(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:12]}"


def _administer(servers: Servers, statement: str) -> None:
    with closing(postgres.connect(servers.home)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
