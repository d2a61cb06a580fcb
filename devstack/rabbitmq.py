"""A RabbitMQ node of our own, from the machine's ``rabbitmq-server`` program.

It has its own data, ports, cookie and name server (epmd), so that a broker which the machine
already runs is neither seen nor touched.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pika
from pika.exceptions import AMQPError

from devstack import ports
from devstack.ports import LOOPBACK
from devstack.process import DevstackError, NotReadyError, Program

NODE = "agendador@localhost"
CONTROL_TIMEOUT_SECONDS = 60
HANDSHAKE_TIMEOUT_SECONDS = 5
# Debian's programs in /usr/sbin switch to another account first; these do not.
DEBIAN_PROGRAMS = Path("/usr/lib/rabbitmq/bin")
CONFIGURATION = """\
loopback_users.guest = true
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = info
log.file = false
"""


@dataclass(frozen=True)
class Ports:
    """The ports of a node: AMQP, its name server, and Erlang's distribution."""

    amqp: int
    names: int
    distribution: int


def is_installed() -> bool:
    """Return whether this machine has the ``rabbitmq-server`` program."""
    return _found("rabbitmq-server") is not None and shutil.which("epmd") is not None


def programs(home: Path, chosen: Ports) -> tuple[Program, Program]:
    """Return the name server and the node of a home, in the order in which they start.

    Raises:
        DevstackError: RabbitMQ is not installed.
    """
    names = Program(
        name="epmd",
        command=("epmd", "-port", str(chosen.names), "-address", LOOPBACK),
        home=home,
        ready=partial(ports.require_listening, chosen.names),
    )
    node = Program(
        name="rabbitmq",
        command=(_program("rabbitmq-server"),),
        home=home,
        env=_environment(home, chosen),
        prepare=partial(_prepare, home),
        ready=partial(_ready, chosen.amqp),
        stop_within=30,
    )
    return names, node


def url(port: int) -> str:
    """Return the AMQP URL of the node on this port."""
    return f"amqp://guest:guest@{LOOPBACK}:{port}/"


def control(home: Path, chosen: Ports, *arguments: str) -> str:
    """Run ``rabbitmqctl`` (for example ``stop_app``) on a home's node and return its output.

    Raises:
        DevstackError: the command failed; the message holds what it said.
    """
    done = subprocess.run(
        [_program("rabbitmqctl"), "-q", "-n", NODE, *arguments],
        env={**os.environ, **_environment(home, chosen)},
        capture_output=True,
        text=True,
        check=False,
        timeout=CONTROL_TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        raise DevstackError(f"rabbitmqctl {' '.join(arguments)}: {done.stderr or done.stdout}")
    return done.stdout


def _environment(home: Path, chosen: Ports) -> dict[str, str]:
    folder = home.resolve() / "rabbitmq"
    return {
        "HOME": str(folder),  # holds the cookie
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(chosen.names),
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
        "RABBITMQ_NODE_PORT": str(chosen.amqp),
        "RABBITMQ_DIST_PORT": str(chosen.distribution),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_LOG": "-color",
        # The script then becomes the node instead of watching it: one process, one id.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_SERVER_START_ARGS": "-noinput",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _prepare(home: Path) -> None:
    folder = home / "rabbitmq"
    (folder / "mnesia").mkdir(parents=True, exist_ok=True)
    (folder / "log").mkdir(exist_ok=True)
    (folder / "rabbitmq.conf").write_text(CONFIGURATION)
    (folder / "enabled_plugins").write_text("[].\n")


def _ready(port: int) -> None:
    ports.require_listening(port)
    parameters = pika.URLParameters(url(port))
    parameters.socket_timeout = HANDSHAKE_TIMEOUT_SECONDS
    parameters.blocked_connection_timeout = HANDSHAKE_TIMEOUT_SECONDS
    try:
        pika.BlockingConnection(parameters).close()
    except (AMQPError, OSError) as error:
        raise NotReadyError(repr(error)) from error


def _program(name: str) -> str:
    found = _found(name)
    if found is None:
        raise DevstackError(
            f"{name} is not installed. On Debian or Ubuntu: "
            "apt-get install --no-install-recommends rabbitmq-server"
        )
    return found


def _found(name: str) -> str | None:
    debian = DEBIAN_PROGRAMS / name
    return str(debian) if debian.exists() else shutil.which(name)
