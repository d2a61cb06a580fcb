"""The embedded servers: each is there, isolated per test, and comes back after a fault."""

import os
import subprocess
from typing import Any

import pika
import psutil
import psycopg2
import pymongo
import pytest
from sqlalchemy import create_engine, text

from core.broker import topology
from devstack import postgres, rabbitmq
from devstack.process import DevstackError, Program, is_alive
from devstack.servers import Servers
from tests.clients import Broker, Registry
from tests.waiting import wait_until


def count_jobs(database_url: str) -> int:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        jobs = connection.execute(text("SELECT count(*) FROM job")).scalar_one()
    engine.dispose()
    return int(jobs)


def test_a_test_gets_an_empty_ledger_made_by_the_migrations(database_url: str) -> None:
    assert count_jobs(database_url) == 0


def test_a_killed_postgres_starts_again_with_its_data(
    programs: dict[str, Program], database_url: str
) -> None:
    programs["postgres"].kill()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(database_url.replace("+psycopg2", ""))

    programs["postgres"].start()

    assert count_jobs(database_url) == 0


def test_postgres_starts_though_nobody_has_reaped_the_killed_one_yet(
    programs: dict[str, Program], servers: Servers, database_url: str
) -> None:
    programs["postgres"].stop()
    owner = postgres.UNPRIVILEGED_USER if os.geteuid() == 0 else None
    with subprocess.Popen(["/bin/true"], user=owner) as dead:
        wait_until(lambda: not is_alive(psutil.Process(dead.pid)))
        lock = servers.home / "postgres" / "data" / "postmaster.pid"
        lock.write_text(f"{dead.pid}\n{lock.parent}\n0\n5432\n\n\n0 0\nready\n")

        programs["postgres"].start()

    assert count_jobs(database_url) == 0


def test_a_stopped_mongo_starts_again_with_its_data(
    programs: dict[str, Program], mongo_url: str, mongo_database: str
) -> None:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url)
    with client:
        client[mongo_database].people.insert_one({"name": "Maria"})

    programs["mongo"].stop()
    programs["mongo"].start()

    client = pymongo.MongoClient(mongo_url)
    with client:
        assert client[mongo_database].people.count_documents({}) == 1


def test_a_killed_broker_keeps_what_was_persistent(
    programs: dict[str, Program], declared_broker: Broker
) -> None:
    queue = declared_broker.namespace + topology.JOB_CREATED
    with pika.BlockingConnection(pika.URLParameters(declared_broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"{}", pika.BasicProperties(delivery_mode=2))

    programs["rabbitmq"].kill()
    programs["rabbitmq"].start()

    with pika.BlockingConnection(pika.URLParameters(declared_broker.url)) as connection:
        method, _, body = connection.channel().basic_get(queue, auto_ack=True)
        assert (method is not None, body) == (True, b"{}")


def test_the_broker_can_be_paused_and_resumed_by_its_own_control_program(
    servers: Servers, broker: Broker
) -> None:
    rabbitmq.control(servers.home, servers.rabbitmq_ports, "stop_app")
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(broker.url))

    rabbitmq.control(servers.home, servers.rabbitmq_ports, "start_app")

    pika.BlockingConnection(pika.URLParameters(broker.url)).close()


def test_a_wrong_control_command_is_refused_with_what_the_program_said(
    servers: Servers, broker: Broker
) -> None:
    with pytest.raises(DevstackError, match="no_such_command"):
        rabbitmq.control(servers.home, servers.rabbitmq_ports, "no_such_command")


def test_starting_a_program_that_runs_leaves_it_as_it_is(
    programs: dict[str, Program], registry: Registry
) -> None:
    before = programs["registry"].process()

    programs["registry"].start()

    assert programs["registry"].process() == before
