"""The servers that the services need, as one set below one home."""

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests

from devstack import mongo, postgres, rabbitmq
from devstack.ports import LOOPBACK
from devstack.process import NotReadyError, Program
from devstack.registry import FORM, PAGE

ROOT = Path(__file__).parent.parent
PROBE_TIMEOUT_SECONDS = 5.0
# Every server's port, by the name under which a home remembers it.
PORTS = ("mongo", "amqp", "epmd", "distribution", "smtp", "inbox", "registry")


@dataclass(frozen=True)
class Servers:
    """The servers of a home, and their addresses.

    ``ports`` holds one for each name of ``PORTS``. ``durable=False`` trades PostgreSQL's safety
    against a power cut for speed (tests).
    """

    home: Path
    ports: dict[str, int]
    durable: bool = True

    def programs(self) -> dict[str, Program]:
        """Return the servers by name, in an order in which they can start."""
        epmd, node = rabbitmq.programs(self.home, self.rabbitmq_ports)
        programs = (
            postgres.program(self.home, durable=self.durable),
            mongo.program(self.home, self.ports["mongo"]),
            epmd,
            node,
            self._inbox(),
            self._registry(),
        )
        return {program.name: program for program in programs}

    @property
    def rabbitmq_ports(self) -> rabbitmq.Ports:
        """The broker's ports."""
        return rabbitmq.Ports(self.ports["amqp"], self.ports["epmd"], self.ports["distribution"])

    def database_url(self, database: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a PostgreSQL database."""
        return postgres.url(self.home, database)

    @property
    def mongo_url(self) -> str:
        """MongoDB's URL."""
        return mongo.url(self.ports["mongo"])

    @property
    def broker_url(self) -> str:
        """RabbitMQ's URL."""
        return rabbitmq.url(self.ports["amqp"])

    @property
    def inbox_url(self) -> str:
        """The mail catcher's HTTP address."""
        return f"http://{LOOPBACK}:{self.ports['inbox']}"

    @property
    def registry_url(self) -> str:
        """The registry simulator's HTTP address."""
        return f"http://{LOOPBACK}:{self.ports['registry']}"

    @property
    def registry_page(self) -> str:
        """The address of a company's page, without its ``?cnpj=``."""
        return self.registry_url + PAGE

    @property
    def registry_form(self) -> str:
        """The address of the form that asks for a person, without its ``?cnpj=``."""
        return self.registry_url + FORM

    def _inbox(self) -> Program:
        return Program(
            name="inbox",
            command=(
                *(sys.executable, "-m", "devstack.inbox"),
                *("--smtp-port", str(self.ports["smtp"])),
                *("--http-port", str(self.ports["inbox"])),
                *("--folder", str(self.home.resolve() / "inbox")),
            ),
            home=self.home,
            cwd=ROOT,
            ready=partial(require_answer, f"{self.inbox_url}/readyz"),
        )

    def _registry(self) -> Program:
        return Program(
            name="registry",
            command=(
                *(sys.executable, "-m", "devstack.registry"),
                *("--port", str(self.ports["registry"])),
            ),
            home=self.home,
            cwd=ROOT,
            ready=partial(require_answer, f"{self.registry_url}/readyz"),
        )


def require_answer(url: str) -> None:
    """Raise ``NotReadyError`` unless a GET of this address answers with success."""
    try:
        answer = requests.get(url, timeout=PROBE_TIMEOUT_SECONDS)
    except requests.RequestException as error:
        raise NotReadyError(f"{url}: {error}") from error
    if not answer.ok:
        raise NotReadyError(f"{url} answers {answer.status_code}: {answer.text[:500]}")


def start_together(programs: Iterable[Program]) -> None:
    """Start programs at the same time and wait until all are ready.

    Raises:
        DevstackError: one could not start; the others are left as they are.
    """
    programs = list(programs)
    with ThreadPoolExecutor(max_workers=max(1, len(programs))) as pool:
        for outcome in [pool.submit(program.start) for program in programs]:
            outcome.result()


def stop_together(programs: Iterable[Program]) -> None:
    """Stop programs at the same time, each in an orderly way."""
    programs = list(programs)
    with ThreadPoolExecutor(max_workers=max(1, len(programs))) as pool:
        list(pool.map(Program.stop, programs))
