"""The suite's own processes: what each runs, where it listens, how one sees that it is ready."""

import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from devstack.ports import LOOPBACK
from devstack.process import NotReadyError, Program
from devstack.servers import ROOT, Servers, require_answer

DATABASE = "agendador"
PYTHON = sys.executable
FLASK_AGENDADOR = (PYTHON, "-m", "flask", "--app", "agendador.app")
HEARTBEAT_SECONDS = 15.0
SECRET_NAMES = ("keys_passphrase", "secret_key")
SECRET_BYTES = 32


@dataclass(frozen=True)
class Service:
    """A process of the suite: one that ``listens`` has a port, another shows a heartbeat."""

    name: str
    command: tuple[str, ...]
    listens: bool = False


def _gunicorn(name: str) -> Service:
    command = PYTHON, "-m", "gunicorn", "-c", "core/gunicorn.py", f"{name}.app:create_app()"
    return Service(name, command, listens=True)


SERVICES = (
    _gunicorn("users"),
    _gunicorn("agendador"),
    _gunicorn("web"),
    Service("dispatcher", (*FLASK_AGENDADOR, "dispatch")),
    Service("worker", (PYTHON, "-m", "worker", "lookups")),
    Service("mailer", (PYTHON, "-m", "worker", "mail")),
    Service("cronjob", (PYTHON, "-m", "cronjob", "--daily")),
)
# What has to be done, in this order, before they start; doing it again changes nothing.
MIGRATE = (*FLASK_AGENDADOR, "db", "upgrade")
CREATE_QUEUES = (*FLASK_AGENDADOR, "createqueue")
SUMMARY = (PYTHON, "-m", "cronjob")


def programs(servers: Servers, ports: Mapping[str, int]) -> dict[str, Program]:
    """Return the services of a home by name; ``ports`` holds one for each that listens."""
    shared = environment(servers, ports)
    return {
        service.name: _listening(service, servers.home, shared, ports[service.name])
        if service.listens
        else _beating(service, servers.home, shared)
        for service in SERVICES
    }


def environment(servers: Servers, ports: Mapping[str, int]) -> dict[str, str]:
    """Return the settings that make a service use these servers (.env.example tells of each)."""
    users, agendador = (f"http://{LOOPBACK}:{ports[name]}" for name in ("users", "agendador"))
    return {
        "DATABASE_URL": servers.database_url(DATABASE),
        "MONGO_URL": servers.mongo_url,
        "MONGO_DATABASE": "users",
        "BROKER_URL": servers.broker_url,
        "BROKER_NAMESPACE": "",
        "JWKS_URL": f"{users}/.well-known/jwks.json",
        "USERS_URL": users,
        "AGENDADOR_URL": agendador,
        "WEB_URL": f"http://{LOOPBACK}:{ports['web']}",
        "API_URL": agendador,
        "SMTP_HOST": LOOPBACK,
        "SMTP_PORT": str(servers.ports["smtp"]),
        "SECRETS_DIR": str(_secrets(servers.home)),
        **_sources(servers),
        # The simulator is one source alone, so what it does not know would wait for a day.
        "NOT_FOUND_RETRIES": os.environ.get("NOT_FOUND_RETRIES", "2,4"),
    }


def _sources(servers: Servers) -> dict[str, str]:
    """Return the simulator as the one source, unless the environment names sources."""
    if "SOURCES" in os.environ:
        return {"SOURCES": os.environ["SOURCES"]}
    return {
        "SOURCES": "receita",
        "RECEITA_URL": os.environ.get("RECEITA_URL", servers.registry_page),
        "OFFICIAL_PAGE_URL": os.environ.get("OFFICIAL_PAGE_URL", servers.registry_form),
    }


def _listening(service: Service, home: Path, shared: dict[str, str], port: int) -> Program:
    address = f"{LOOPBACK}:{port}"
    return Program(
        name=service.name,
        command=(*service.command, "-b", address),
        home=home,
        env=shared,
        cwd=ROOT,
        ready=partial(require_answer, f"http://{address}/readyz"),
    )


def _beating(service: Service, home: Path, shared: dict[str, str]) -> Program:
    beat = home.resolve() / "run" / f"{service.name}.heartbeat"
    return Program(
        name=service.name,
        command=service.command,
        home=home,
        env=shared | {"HEARTBEAT_FILE": str(beat)},
        cwd=ROOT,
        prepare=partial(beat.unlink, missing_ok=True),
        ready=partial(_require_heartbeat, beat),
        stop_within=30,
    )


def _require_heartbeat(beat: Path) -> None:
    try:
        age = time.time() - beat.stat().st_mtime
    except FileNotFoundError:
        raise NotReadyError("no heartbeat yet") from None
    if age > HEARTBEAT_SECONDS:
        raise NotReadyError(f"its last heartbeat was {age:.0f} s ago")


def _secrets(home: Path) -> Path:
    """Return the folder of this home's secrets, making those that are missing."""
    folder = home.resolve() / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in SECRET_NAMES:
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(SECRET_BYTES))
    return folder
