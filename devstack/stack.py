"""The whole suite in the background of one machine: servers and services of one home."""

import fcntl
import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack import ports, postgres, services
from devstack.ports import LOOPBACK
from devstack.process import DevstackError, NotReadyError, Program
from devstack.servers import PORTS, ROOT, Servers, start_together, stop_together

TASK_TIMEOUT_SECONDS = 120
# The ports that people know; the setting of each is its name in upper case and "_PORT".
PUBLIC_PORTS = {
    "users": 8080,
    "agendador": 8081,
    "web": 3000,
    "smtp": 1025,
    "inbox": 8025,
    "registry": 8090,
}


@dataclass(frozen=True)
class Stack:
    """The suite below one home. ``ports`` holds each public port and each internal server's."""

    home: Path
    ports: dict[str, int]

    @property
    def servers(self) -> Servers:
        """The servers behind the services."""
        return Servers(self.home, self.ports)

    def programs(self) -> dict[str, Program]:
        """Return every process by name: the servers, then the services."""
        return self.servers.programs() | services.programs(self.servers, self.ports)

    def program(self, name: str) -> Program:
        """Return one process.

        Raises:
            DevstackError: there is none of that name; the message lists them.
        """
        known = self.programs()
        if name not in known:
            raise DevstackError(f"There is no {name!r}. There are: {', '.join(known)}.")
        return known[name]

    def runs(self) -> bool:
        """Return whether any process of this home runs."""
        return any(program.process() for program in self.programs().values())

    def address(self, name: str) -> str:
        """Return the HTTP address of a service or server with a public port."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    def up(self, without: Collection[str] = ()) -> None:
        """Start what does not run yet and wait until all of it is ready.

        Raises:
            DevstackError: something did not start; the message says what and shows its log.
        """
        servers = self.servers.programs()
        with ThreadPoolExecutor() as pool:
            ledger = pool.submit(self._prepare_ledger, servers.pop("postgres"))
            start_together(servers.values())
            ledger.result()
        self.run(services.CREATE_QUEUES)
        wanted = services.programs(self.servers, self.ports)
        start_together(program for name, program in wanted.items() if name not in without)

    def down(self) -> None:
        """Stop the services, then the servers that they need."""
        stop_together(services.programs(self.servers, self.ports).values())
        servers = self.servers.programs()
        names = servers.pop("epmd")
        stop_together(servers.values())
        names.stop()

    def run(self, command: Sequence[str]) -> str:
        """Run one command to its end with the services' settings and return what it printed.

        Raises:
            DevstackError: it failed; the message holds what it printed.
        """
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **services.environment(self.servers, self.ports)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TASK_TIMEOUT_SECONDS,
        )
        if done.returncode != 0:
            said = done.stdout.strip()
            raise DevstackError(f"`{' '.join(command)}` failed ({done.returncode}):\n{said}")
        return done.stdout

    def _prepare_ledger(self, server: Program) -> None:
        server.start()
        create_database(self.home, services.DATABASE)
        self.run(services.MIGRATE)


def new(home: Path, public: Mapping[str, int]) -> Stack:
    """Return a stack for a home in which nothing runs; ``public`` holds each public port.

    Raises:
        DevstackError: a public port is taken.
    """
    for name, port in public.items():
        ports.require_free(port, setting(name))
    ports.remember(home, public)
    return existing(home)


def existing(home: Path) -> Stack:
    """Return the stack with the ports that this home remembers."""
    return Stack(home, ports.remembered(home, (*PUBLIC_PORTS, *PORTS)))


def setting(name: str) -> str:
    """Return the name of the setting that holds a public port."""
    return f"{name.upper()}_PORT"


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Let one command at a time start or stop what runs in a home."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def state(program: Program) -> str:
    """Say in a word or two how a process is."""
    if program.process() is None:
        return "stopped"
    try:
        program.ready()
    except NotReadyError as reason:
        return f"not ready: {reason}"
    return "ready"


def create_database(home: Path, name: str) -> None:
    """Make a PostgreSQL database, unless it is there."""
    with closing(postgres.connect(home)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {name}")
