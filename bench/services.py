"""The Flask services as they are shipped: gunicorn with our configuration, and who calls them."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import requests

from bench.stage import Scene, wait_until
from devstack import ports
from devstack.ports import LOOPBACK

GUNICORN = (sys.executable, "-m", "gunicorn", "-c", "core/gunicorn.py")
PASSWORD = "girassol-no-quintal-7"  # noqa: S105 of accounts that live as long as a benchmark
MARIA = {
    "full_name": "Maria da Conceição Araújo",
    "email": "maria@empresa.example",
    "cpf_cnpj": "11144477735",
    "date_of_birth": "1985-03-14",
    "password": PASSWORD,
    "confirm_password": PASSWORD,
}
JOAO = MARIA | {
    "full_name": "João Batista Nunes",
    "email": "joao@empresa.example",
    "cpf_cnpj": "52998224725",
}


def settings(scene: Scene, users: int) -> dict[str, str]:
    """Return what the services need besides the scene's own settings; `users` is its port."""
    return {
        "MONGO_URL": scene.stage.servers.mongo_url,
        "MONGO_DATABASE": scene.database,
        "KEYS_PASSPHRASE": "only-for-this-benchmark",
        "JWKS_URL": f"http://{LOOPBACK}:{users}/.well-known/jwks.json",
        "USERS_URL": f"http://{LOOPBACK}:{users}",
        "SECRET_KEY": "only-for-this-benchmark",
        "LOG_FORMAT": "json",
    }


@contextmanager
def served(scene: Scene, app: str, port: int, env: Mapping[str, str]) -> Iterator[None]:
    """Serve an app meanwhile; it listens when this begins."""
    with scene.process(*GUNICORN, "-b", f"{LOOPBACK}:{port}", app, env=env):
        wait_until(lambda: not ports.is_free(port), f"{app} listens")
        yield


@contextmanager
def all_served(scene: Scene) -> Iterator[tuple[int, int, int]]:
    """Serve accounts, API and pages meanwhile; gives their ports, in this order."""
    users, agendador, web = ports.free(3)
    env = settings(scene, users) | {"AGENDADOR_URL": f"http://{LOOPBACK}:{agendador}"}
    with ExitStack() as running:
        for name, port in (("users", users), ("agendador", agendador), ("web", web)):
            running.enter_context(served(scene, f"{name}.app:create_app()", port, env))
        yield users, agendador, web


def sign_up(port: int, person: Mapping[str, str]) -> dict[str, Any]:
    """Make an account; return it with its tokens."""
    address = f"http://{LOOPBACK}:{port}"
    requests.post(f"{address}/users", json=person, timeout=30).raise_for_status()
    credentials = {name: person[name] for name in ("email", "password")}
    answer = requests.post(f"{address}/auth", json=credentials, timeout=30)
    answer.raise_for_status()
    account: dict[str, Any] = answer.json()["data"]
    return account


def bearer(account: Mapping[str, Any]) -> dict[str, str]:
    """Return the header by which an account calls the APIs."""
    return {"Authorization": f"Bearer {account['token']}"}


def cookies(account: Mapping[str, Any]) -> dict[str, str]:
    """Return the header by which an account asks for the pages."""
    return {"Cookie": f"access={account['token']}; refresh={account['refresh']}"}
