"""The lines between the suite's processes and the servers, each through a door of the harness."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from devstack import postgres, services
from devstack.ports import LOOPBACK
from devstack.process import Program
from devstack.stack import Stack
from tests.proxy import Proxy

SERVERS = ("postgres", "rabbitmq", "mongo", "smtp", "registry", "users")
# The second process of each kind has lines of its own, so that a cut may part one from the rest.
SECOND = "-2"
SIDES = ("", SECOND)


def line(server: str, side: str = "") -> str:
    """Return the name of a line, as plans have it."""
    return f"to-{server}{side}"


# There is one `users`, the only one who asks MongoDB.
LINES = tuple(
    line(server, side)
    for server in SERVERS
    for side in SIDES
    if (server, side) != ("mongo", SECOND)
)


@dataclass(frozen=True)
class Network:
    """The doors by the names of their lines."""

    doors: Mapping[str, Proxy]

    def lead(self, program: Program) -> Program:
        """Return a program that reaches the servers through its doors."""
        side = SECOND if program.name.endswith(SECOND) else ""
        ports = {server: self.doors[line(server, side)].port for server in SERVERS}
        database = f"postgresql+psycopg2://postgres@{LOOPBACK}:{ports['postgres']}"
        settings = {
            "DATABASE_URL": f"{database}/{services.DATABASE}",
            "BROKER_URL": f"amqp://guest:guest@{LOOPBACK}:{ports['rabbitmq']}/",
            "MONGO_URL": f"mongodb://{LOOPBACK}:{ports['mongo']}/",
            "SMTP_PORT": str(ports["smtp"]),
            "RECEITA_URL": _elsewhere(program.env["RECEITA_URL"], ports["registry"]),
            "JWKS_URL": _elsewhere(program.env["JWKS_URL"], ports["users"]),
        }
        return replace(program, env={**program.env, **settings})

    def close(self) -> None:
        """Let nothing through any more."""
        for door in self.doors.values():
            door.shut()


def between(stack: Stack) -> Network:
    """Return open lines to the servers of a stack."""
    targets: dict[str, int | Path] = {
        "postgres": postgres.socket_folder(stack.home) / postgres.SOCKET,
        "rabbitmq": stack.ports["amqp"],
        **{name: stack.ports[name] for name in ("mongo", "smtp", "registry", "users")},
    }
    doors = {line(name, side): Proxy(targets[name]) for name in SERVERS for side in SIDES}
    return Network(doors)


def _elsewhere(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{LOOPBACK}:{port}").geturl()
