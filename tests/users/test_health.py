from typing import Any

import pytest
from apiflask import APIFlask

from devstack.process import Program
from tests.clients import Broker
from tests.people import ESTELA, MARIA
from tests.users.conftest import Client, MakeApp, SignedIn, sign_up


@pytest.fixture
def client(make_app: MakeApp, broker: Broker) -> Client:
    return make_app(BROKER_URL=broker.url, BROKER_NAMESPACE=broker.namespace).test_client()


def test_it_is_ready_when_its_dependencies_are(client: Client) -> None:
    ready = client.get("/readyz")

    assert ready.status_code == 200
    assert ready.json["data"] == {"database": "ok", "broker": "ok"}


def test_a_database_that_is_away_is_named_and_every_call_says_so(
    maria: SignedIn, programs: dict[str, Program]
) -> None:
    client = maria.client
    programs["mongo"].stop()

    ready = client.get("/readyz")
    answers = [
        client.post("/users", json=ESTELA.sign_up()),
        maria.call("GET", "/me"),
        maria.renew(),
    ]

    assert ready.status_code == 503
    assert ready.json["data"] == {"database": "unavailable", "broker": "ok"}
    assert [answer.status_code for answer in answers] == [503] * 3
    assert client.get("/healthz").status_code == 200
    assert client.get("/.well-known/jwks.json").status_code == 200

    programs["mongo"].start()
    assert maria.call("GET", "/me").json["data"] == maria.account
    assert maria.renew().status_code == 200


def test_a_broker_that_is_away_keeps_nobody_out(make_app: MakeApp) -> None:
    client: Client = make_app().test_client()

    sign_up(client, MARIA)

    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["data"] == {"database": "ok", "broker": "unavailable"}


def test_it_starts_while_the_database_is_away(make_app: MakeApp) -> None:
    client: Client = make_app(MONGO_URL="mongodb://127.0.0.1:9/").test_client()

    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert client.get("/.well-known/jwks.json").status_code == 503


def operations(app: APIFlask) -> list[tuple[str, str, dict[str, Any]]]:
    spec: Any = app.spec
    return [
        (method.upper(), path, operation)
        for path, item in spec["paths"].items()
        for method, operation in item.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]


def test_every_call_and_its_errors_are_documented(app: APIFlask) -> None:
    documented = {(method, path): operation for method, path, operation in operations(app)}

    assert {key for key in documented if key[1] not in {"/healthz", "/readyz"}} == {
        ("POST", "/users"),
        ("POST", "/auth"),
        ("POST", "/auth/admin"),
        ("POST", "/auth/refresh"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/forgot"),
        ("POST", "/auth/reset"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/me"),
        ("PATCH", "/me"),
        ("DELETE", "/me"),
        ("POST", "/me/password"),
        ("GET", "/admin/users/page/{page}"),
        ("GET", "/admin/users/cpf/{cpf_cnpj}"),
        ("GET", "/admin/users/{account_id}"),
        ("PUT", "/admin/users/{account_id}"),
        ("DELETE", "/admin/users/{account_id}"),
    }
    for (_, path), operation in documented.items():
        expected = {"503"} if path != "/healthz" else set()
        if operation.get("security"):
            expected.add("401")
        if "requestBody" in operation:
            expected |= {"400", "422"}
        if path.startswith("/admin"):
            expected.add("403")
        assert expected <= set(operation["responses"]), path


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger-ui/"])
def test_the_documentation_is_served(client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_every_route_that_names_an_account_needs_a_token(app: APIFlask) -> None:
    client: Client = app.test_client()
    closed = [(m, p) for m, p, operation in operations(app) if operation.get("security")]

    assert len(closed) == 11
    for method, path in closed:
        url = path.format(page=1, cpf_cnpj=MARIA.cpf_cnpj, account_id="0" * 24)
        assert client.open(url, method=method, json={}).status_code == 401, (method, path)
