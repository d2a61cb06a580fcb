"""The suite of a run: two of every process that may run twice, on servers of its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from devstack import homes, ports, rabbitmq, services
from devstack.ports import LOOPBACK
from devstack.process import Program
from devstack.servers import PORTS, require_answer, start_together
from devstack.services import _require_heartbeat
from devstack.stack import PUBLIC_PORTS, Stack
from tests.clients import Broker, Registry
from tests.faults import network
from tests.faults.clock import RIGHT, Clock
from tests.faults.network import SECOND, Network
from tests.faults.plan import MISLED

NOT_NEEDED = ("web", "cronjob")
SERVERS = ("postgres", "mongo", "epmd", "rabbitmq", "inbox", "registry")
SECOND_API = f"agendador{SECOND}"
TWICE = ("dispatcher", "worker", "mailer")


@dataclass(frozen=True)
class Suite:
    """The processes and servers of a run."""

    stack: Stack

    @property
    def home(self) -> Path:
        """The folder with all state and the logs."""
        return self.stack.home

    @cached_property
    def programs(self) -> dict[str, Program]:
        """Every process and server by name."""
        first = {n: p for n, p in self.stack.programs().items() if n not in NOT_NEEDED}
        second = {f"{name}{SECOND}": self._second(first[name]) for name in TWICE}
        every = {**first, SECOND_API: self._second_api(first["agendador"]), **second}
        every[MISLED] = self.clock.lead(every[MISLED])
        return {
            name: program if name in SERVERS else self.network.lead(program)
            for name, program in every.items()
        }

    @cached_property
    def network(self) -> Network:
        """The lines between the processes and the servers."""
        return network.between(self.stack)

    @property
    def clock(self) -> Clock:
        """The clock of the one dispatcher that does not live by the machine's."""
        return Clock(self.home.resolve() / "run" / "clock")

    @property
    def apis(self) -> tuple[str, str]:
        """The addresses of both agendador APIs."""
        return self.stack.address("agendador"), self.stack.address(SECOND_API)

    @property
    def broker(self) -> Broker:
        """The broker, for looking at its queues."""
        return Broker(self.stack.servers.broker_url, "")

    @property
    def registry(self) -> Registry:
        """The registry simulator's controls."""
        return Registry(self.stack.servers.registry_url, self.stack.servers.registry_page)

    @property
    def dsn(self) -> str:
        """The ledger's address, for psycopg2."""
        return self.stack.servers.database_url(services.DATABASE).replace("+psycopg2", "")

    def up(self) -> None:
        """Start everything and wait until it is ready."""
        self.stack.up(without=[service.name for service in services.SERVICES])
        self.clock.jump(RIGHT)
        start_together(self.programs.values())

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` on the broker."""
        return rabbitmq.control(self.home, self.stack.servers.rabbitmq_ports, *arguments)

    def create_queues(self) -> None:
        """Make the queues that are missing."""
        self.stack.run(services.CREATE_QUEUES)

    def summarise_twice(self) -> None:
        """Let two cronjobs make the summaries of the day at the same time."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.stack.run, [services.SUMMARY] * 2))

    def died(self) -> list[str]:
        """Return the processes that do not run."""
        return [name for name, program in self.programs.items() if program.process() is None]

    def _second_api(self, first: Program) -> Program:
        address = f"{LOOPBACK}:{self.stack.ports[SECOND_API]}"
        return replace(
            first,
            name=SECOND_API,
            command=(*first.command[:-1], address),
            ready=partial(require_answer, f"http://{address}/readyz"),
        )

    def _second(self, first: Program) -> Program:
        name = f"{first.name}{SECOND}"
        beat = self.home.resolve() / "run" / f"{name}.heartbeat"
        return replace(
            first,
            name=name,
            env={**first.env, "HEARTBEAT_FILE": str(beat)},
            prepare=partial(beat.unlink, missing_ok=True),
            ready=partial(_require_heartbeat, beat),
        )


@contextmanager
def throwaway() -> Iterator[Suite]:
    """Give a running suite that is gone, but for its logs after a failure, when the block ends."""
    with homes.throwaway("faults") as home:
        names = (*PUBLIC_PORTS, *PORTS, SECOND_API)
        suite = Suite(Stack(home, ports.remembered(home, names)))
        try:
            suite.up()
            yield suite
        finally:
            suite.network.close()
