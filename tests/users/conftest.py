"""The API of users on the test's own database, and people who call it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pymongo
import pytest
from apiflask import APIFlask
from pymongo.database import Database

from tests.people import JOAO, MARIA, Person
from users.app import create_app
from users.services import Services

MakeApp = Callable[..., APIFlask]
# Flask's test client; what it answers may hold anything.
Client = Any


@pytest.fixture
def environment(mongo_url: str, mongo_database: str) -> dict[str, str]:
    """Give the settings of a process of users; no broker listens where it looks for one."""
    return {
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": mongo_database,
        "KEYS_PASSPHRASE": "a passphrase of tests",
        "BROKER_URL": "amqp://guest:guest@127.0.0.1:9/",
        "LOG_LEVEL": "WARNING",
        "WEB_URL": "https://agendador.example",
        # Nor does a mail server: no test may write to whoever listens on the usual port.
        "SMTP_PORT": "9",
        # Nor an agendador.
        "AGENDADOR_URL": "http://127.0.0.1:9",
    }


@pytest.fixture
def make_app(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> Iterator[MakeApp]:
    """Give a maker of apps; keyword arguments are settings that differ from the usual ones."""
    made: list[APIFlask] = []

    def make(**settings: str) -> APIFlask:
        for name, value in (environment | settings).items():
            monkeypatch.setenv(name, value)
        made.append(create_app())
        return made[-1]

    yield make
    for app in made:
        services: Services = app.extensions["users"]
        services.outbox.close()
        services.store.close()
        app.extensions["publisher"].close(timeout=0.1)


@pytest.fixture
def app(make_app: MakeApp) -> APIFlask:
    return make_app()


@pytest.fixture
def client(app: APIFlask) -> Client:
    return app.test_client()


@pytest.fixture
def database(mongo_url: str, mongo_database: str) -> Iterator[Database[dict[str, Any]]]:
    """Give what is stored, for what only a thief or an operator would see."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url, tz_aware=True)
    with client:
        yield client[mongo_database]


@dataclass
class SignedIn:
    """Somebody who logged in."""

    client: Client
    account: dict[str, Any]
    token: str
    refresh: str

    @property
    def id(self) -> str:
        return str(self.account["id"])

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.client.open(path, method=method, json=body, headers=headers)

    def renew(self) -> Any:
        headers = {"Authorization": f"Bearer {self.refresh}"}
        return self.client.post("/auth/refresh", headers=headers)


def sign_up(client: Client, person: Person) -> dict[str, Any]:
    response = client.post("/users", json=person.sign_up())
    assert response.status_code == 201, response.json
    account: dict[str, Any] = response.json["data"]
    return account


def log_in(client: Client, person: Person, path: str = "/auth") -> SignedIn:
    response = client.post(path, json=person.log_in())
    assert response.status_code == 200, response.json
    data = dict(response.json["data"])
    return SignedIn(client, token=data.pop("token"), refresh=data.pop("refresh"), account=data)


@pytest.fixture
def maria(client: Client) -> SignedIn:
    sign_up(client, MARIA)
    return log_in(client, MARIA)


@pytest.fixture
def joao(client: Client) -> SignedIn:
    """Give a colleague who is an administrator."""
    made = client.application.test_cli_runner().invoke(
        args=["createsuperuser", JOAO.full_name, JOAO.email, JOAO.password]
    )
    assert made.exit_code == 0, made.output
    return log_in(client, JOAO, "/auth/admin")
