"""Where the benchmarks run: the devstack's servers with durable settings, and the far side."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pika
import psutil
import psycopg2
import psycopg2.extensions
import requests
from pydantic import SecretStr
from sqlalchemy import Engine

from core.broker import topology
from core.ledger import connection as ledger
from core.settings import LedgerSettings
from devstack import homes, ports, postgres
from devstack.ports import LOOPBACK
from devstack.process import Program
from devstack.servers import PORTS, ROOT, Servers, start_together

TIMEOUT_SECONDS = 170.0
POLL_SECONDS = 0.05
TEMPLATE = "bench_template"
FLASK = (sys.executable, "-m", "flask", "--app", "agendador.app")


@dataclass(frozen=True)
class Stage:
    """Running servers; each `Set` on it has a ledger and a broker namespace of its own."""

    servers: Servers
    far_http: int
    far_smtp: int

    def far(self, path: str) -> Any:
        """Ask the far side."""
        answer = requests.get(f"http://{LOOPBACK}:{self.far_http}{path}", timeout=10)
        return answer.json() if answer.content else None

    def environment(self, database: str, namespace: str) -> dict[str, str]:
        """Return the settings of the services."""
        return {
            "DATABASE_URL": self.servers.database_url(database),
            "BROKER_URL": self.servers.broker_url,
            "BROKER_NAMESPACE": namespace,
            "SMTP_HOST": LOOPBACK,
            "SMTP_PORT": str(self.far_smtp),
            "SOURCES": "receita",
            "RECEITA_URL": f"http://{LOOPBACK}:{self.far_http}/page",
        }

    @contextmanager
    def scene(self) -> "Iterator[Scene]":
        """Give an empty ledger and the queues; both are removed afterwards."""
        name = f"bench_{uuid.uuid4().hex[:8]}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        scene = Scene(self, name, f"{name}.")
        with self._broker() as broker:
            topology.declare(broker, scene.namespace)
        try:
            yield scene
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")
            with self._broker() as broker:
                channel = broker.channel()
                for binding in topology.bindings(scene.namespace):
                    channel.queue_delete(binding.queue)

    def prepare(self) -> None:
        """Make the empty ledger of which each scene gets a copy."""
        self._administer(f"CREATE DATABASE {TEMPLATE}")
        Scene(self, TEMPLATE, "").run(*FLASK, "db", "upgrade")

    def _broker(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.URLParameters(self.servers.broker_url))

    def _administer(self, statement: str) -> None:
        with closing(postgres.connect(self.servers.home)) as connection:
            connection.cursor().execute(statement)


@dataclass(frozen=True)
class Scene:
    """A ledger and queues of its own, and the processes that work on them."""

    stage: Stage
    database: str
    namespace: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the services of this scene."""
        return self.stage.environment(self.database, self.namespace)

    def run(self, *command: str) -> None:
        """Run a command to its end; its output is shown only when it fails."""
        subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | self.environment,
            check=True,
            timeout=TIMEOUT_SECONDS,
            stdout=subprocess.DEVNULL,
        )

    @contextmanager
    def process(
        self,
        *command: str,
        env: Mapping[str, str] | None = None,
        cores: str = "",
        gently: bool = True,
    ) -> Iterator[psutil.Process]:
        """Run a process meanwhile, on these cores ("0,1") or on all; its log goes to var/.

        Unless `gently`, it is killed with all that it started, since what it has to do is done:
        some take five seconds to stop.
        """
        pinned = ("taskset", "-c", cores, *command) if cores else command
        log = self.stage.servers.home / "log" / f"{self.database}.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                pinned,
                cwd=ROOT,
                env=os.environ | self.environment | dict(env or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield psutil.Process(child.pid)
        finally:
            _end(child, gently=gently)

    def engine(self) -> Engine:
        """Return an engine for the ledger, as the services make it."""
        url = SecretStr(self.environment["DATABASE_URL"])
        return ledger.engine(LedgerSettings(database_url=url), "bench")

    def connect(self) -> psycopg2.extensions.connection:
        """Open a connection to the ledger, in autocommit."""
        connection = psycopg2.connect(
            self.stage.servers.database_url(self.database).replace("+psycopg2", "")
        )
        connection.autocommit = True
        return connection

    def value(self, statement: str) -> Any:
        """Return the first value that a statement gives."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone()
        return row[0] if row else None

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Run a statement."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)


@contextmanager
def opened(*database_settings: str) -> Iterator[Stage]:
    """Start the servers in a folder of their own and end them afterwards.

    `database_settings` are PostgreSQL's for this stage, each as `name=value`.
    """
    with homes.throwaway("bench") as home:
        servers = Servers(home, ports.remembered(home, PORTS))
        http, smtp = ports.free(2)
        wanted = servers.programs()
        wanted["postgres"] = _with_settings(wanted["postgres"], database_settings)
        start_together([wanted[name] for name in ("postgres", "mongo", "epmd", "rabbitmq")])
        far = Program(
            name="far-side",
            command=(sys.executable, "-m", "bench.far_side", str(http), str(smtp)),
            home=home,
            cwd=ROOT,
            ready=partial(ports.require_listening, http),
        )
        far.start()
        stage = Stage(servers, http, smtp)
        stage.prepare()
        yield stage


def _with_settings(server: Program, settings: Iterable[str]) -> Program:
    options = (part for setting in settings for part in ("-c", setting))
    return replace(server, command=(*server.command, *options))


def wait_until(ready: Callable[[], bool], what: str, seconds: float = TIMEOUT_SECONDS) -> None:
    """Wait for a condition; raises TimeoutError naming it."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


def memory(process: psutil.Process) -> float:
    """Return the memory of a process tree in MB, shared pages divided among those who share."""
    return sum(member.memory_full_info().pss for member in _family(process)) / 1e6


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time that a process tree has taken."""
    times = [member.cpu_times() for member in _family(process)]
    return sum(taken.user + taken.system for taken in times)


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _end(child: subprocess.Popen[bytes], *, gently: bool) -> None:
    if gently:
        child.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(15)
            return
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(5)
