"""The agendador's API on the test's own ledger and broker, and people with tokens to call it."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from apiflask import APIFlask
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine

from agendador.app import create_app
from agendador.database import db
from tests.clients import Broker
from tests.people import ESTELA, JOAO, MARIA, Person

ISSUER = AUDIENCE = "agendador-de-consulta-cnpj"
# Where nothing listens (the discard service's port).
NOWHERE = "127.0.0.1:9"


@dataclass
class Users:
    """Stands where `users` stands: publishes keys over HTTP and signs with them."""

    url: str = ""
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    asked: int = 0
    answering: bool = True

    def add_key(self) -> str:
        kid = uuid.uuid4().hex
        self.keys[kid] = Ed25519PrivateKey.generate()
        return kid

    def jwks(self) -> dict[str, Any]:
        return {"keys": [public_jwk(kid, key) for kid, key in self.keys.items()]}

    def token(self, person: Person, *, kid: str = "", key: Any = None, **claims: Any) -> str:
        kid = kid or next(iter(self.keys))
        return jwt.encode(
            claims_of(person) | claims, key or self.keys[kid], "EdDSA", headers={"kid": kid}
        )


def public_jwk(kid: str, key: Ed25519PrivateKey) -> dict[str, str]:
    x = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x}


def claims_of(person: Person) -> dict[str, Any]:
    user_id = uuid.uuid5(uuid.NAMESPACE_URL, person.email).hex[:24]
    now = int(time.time())
    return {
        "sub": user_id,
        "user_id": user_id,
        "email": person.email,
        "group": "users",
        "type": "access",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 600,
        "jti": uuid.uuid4().hex,
    }


@pytest.fixture
def users() -> Iterator[Users]:
    mine = Users()
    mine.add_key()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mine.asked += 1
            body = json.dumps(mine.jwks()).encode()
            self.send_response(200 if mine.answering else 503)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        mine.url = f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield mine
        server.shutdown()
        thread.join()


@pytest.fixture
def make_app(
    monkeypatch: pytest.MonkeyPatch, database_url: str, declared_broker: Broker, users: Users
) -> Iterator[Callable[..., APIFlask]]:
    """Give a maker of apps; keyword arguments are settings that differ from the usual ones."""
    made: list[APIFlask] = []

    def make(**settings: str) -> APIFlask:
        usual = {
            "DATABASE_URL": database_url,
            "BROKER_URL": declared_broker.url,
            "BROKER_NAMESPACE": declared_broker.namespace,
            "JWKS_URL": users.url,
            "LOG_LEVEL": "WARNING",
        }
        for name, value in (usual | settings).items():
            monkeypatch.setenv(name, value)
        made.append(create_app())
        return made[-1]

    yield make
    for app in made:
        app.extensions["publisher"].close(timeout=0.1)
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[..., APIFlask]) -> APIFlask:
    return make_app()


class Caller:
    """Somebody with a token who calls the API."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> Any:
            every = self._headers | (headers or {})
            return self._client.open(path, method=method.upper(), headers=every, **kwargs)

        return call


@pytest.fixture
def maria(app: APIFlask, users: Users) -> Caller:
    return Caller(app.test_client(), users.token(MARIA))


@pytest.fixture
def joao(app: APIFlask, users: Users) -> Caller:
    return Caller(app.test_client(), users.token(JOAO))


@pytest.fixture
def admin(app: APIFlask, users: Users) -> Caller:
    return Caller(app.test_client(), users.token(ESTELA, group="admin"))


@pytest.fixture
def ledger(database_url: str) -> Iterator[Engine]:
    engine = create_engine(database_url)
    yield engine
    engine.dispose()
