import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask

from core.broker import topology
from devstack.ports import free
from devstack.servers import ROOT
from tests.clients import Broker
from tests.queues import channel_to, depth, put

MakeApp = Callable[..., APIFlask]


@pytest.fixture
def run(make_app: MakeApp) -> Callable[..., Any]:
    """Give a runner of commands within this process; keyword arguments are settings."""

    def invoke(*arguments: str, **settings: str) -> Any:
        return make_app(**settings).test_cli_runner().invoke(args=list(arguments))

    return invoke


def test_createqueue_makes_every_queue_and_tells_of_each(
    run: Callable[..., Any], broker: Broker
) -> None:
    with channel_to(broker) as channel:
        for binding in topology.bindings(broker.namespace):
            channel.queue_delete(binding.queue)
            channel.exchange_delete(binding.exchange)
    done = run("createqueue")
    assert done.exit_code == 0, done.output
    for name in ("job_created", "job_created_dlq", *topology.ERROR_QUEUES.values()):
        assert broker.namespace + name in done.output
        assert depth(broker, name) == 0


def test_createqueue_leaves_what_is_there_as_it_is(
    run: Callable[..., Any], declared_broker: Broker
) -> None:
    put(declared_broker, "create-job-use-case", "job_created", b"kept")
    assert run("createqueue").exit_code == 0
    assert depth(declared_broker, "job_created") == 1


def test_createqueue_tells_what_to_do_about_a_queue_that_is_another(
    run: Callable[..., Any], declared_broker: Broker
) -> None:
    queue = declared_broker.namespace + "job_created"
    with channel_to(declared_broker) as channel:
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True)
    done = run("createqueue")
    assert done.exit_code == 1
    assert f"delete_queue {queue}" in done.output


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_createqueue_without_a_broker_names_the_setting_and_no_password(
    run: Callable[..., Any], host: str
) -> None:
    done = run("createqueue", BROKER_URL=f"amqp://guest:girassol@{host}:{free(1)[0]}/")
    assert done.exit_code == 1
    assert "BROKER_URL" in done.output
    assert "girassol" not in done.output
    assert done.exc_info[0] is SystemExit


def test_createqueue_with_a_wrong_password_names_the_setting_and_not_the_password(
    run: Callable[..., Any], declared_broker: Broker
) -> None:
    url = declared_broker.url.replace("guest:guest", "guest:girassol")
    done = run("createqueue", BROKER_URL=url)
    assert done.exit_code == 1
    assert "BROKER_URL" in done.output
    assert "girassol" not in done.output


def test_a_missing_setting_ends_a_command_with_code_2_and_its_name() -> None:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "BROKER_URL", "SECRETS_DIR"}
    }
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "agendador.app", "dispatch"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "setting DATABASE_URL: Field required" in done.stderr
    assert "setting BROKER_URL: Field required" in done.stderr
    assert "Traceback" not in done.stderr
