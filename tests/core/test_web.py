import json
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from apiflask import APIFlask
from flask import Response, jsonify, request
from flask.testing import FlaskClient
from pydantic import BaseModel, Field

from core import logs, web
from core.broker.publisher import Publisher
from core.settings import BrokerSettings, Settings
from devstack.ports import free
from tests.clients import Broker
from tests.queues import settings_of, take

SECRET = "girassol-no-quintal-7"


class Thing(BaseModel):
    name: str
    size: Annotated[int, Field(ge=1)]


def make(publisher: Publisher, **checks: web.Check) -> APIFlask:
    refused: list[dict[str, list[str]]] = []
    app = web.create_app(
        "things", title="Things", publisher=publisher, checks=checks, on_refused=refused.append
    )
    app.extensions["refused"] = refused

    @app.post("/things")
    @app.input(Thing)
    def create(json_data: Thing) -> Response:
        return web.answer("things", "Feito.", json_data.model_dump(), 201)

    @app.post("/raw")
    def raw() -> Response:
        return jsonify(request.get_json())

    @app.get("/thing/<int:thing_id>")
    def crash(thing_id: int) -> Response:
        password = request.headers.get("Authorization", "")
        raise RuntimeError(f"thing {thing_id} cannot be opened with {password}")

    @app.get("/stopped")
    def stopped() -> Response:
        raise web.stop(409, "Já terminou.")

    return app


@pytest.fixture(autouse=True)
def as_in_production(usual_logging: None) -> None:
    logs.configure(Settings(log_level="ERROR"), "things")


@pytest.fixture
def unreachable() -> Iterator[Publisher]:
    url = f"amqp://guest:guest@127.0.0.1:{free(1)[0]}/"
    publisher = Publisher(BrokerSettings.model_validate({"broker_url": url}), "test")
    yield publisher
    publisher.close(timeout=0.1)


@pytest.fixture
def app(unreachable: Publisher) -> APIFlask:
    return make(unreachable)


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


def envelope(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert response.headers["X-Request-ID"]
    body: dict[str, Any] = json.loads(response.get_data(as_text=True))
    assert set(body) - {"errors"} == {"status", "resource", "message", "data"}
    assert body["status"] == status
    return body


def test_an_answer_is_an_envelope(client: FlaskClient) -> None:
    body = envelope(client.post("/things", json={"name": "ação", "size": 3}), 201)
    assert body == {
        "status": 201,
        "resource": "things",
        "message": "Feito.",
        "data": {"name": "ação", "size": 3},
    }


def test_json_is_read_whatever_the_client_calls_it(client: FlaskClient) -> None:
    data = json.dumps({"name": "a", "size": 3})
    envelope(client.post("/things", data=data, content_type="text/plain"), 201)


def test_accents_are_answered_as_they_are(client: FlaskClient) -> None:
    assert "ação" in client.post("/things", json={"name": "ação", "size": 1}).get_data(as_text=True)


def test_a_refused_payload_names_its_fields(client: FlaskClient, app: APIFlask) -> None:
    body = envelope(client.post("/things", json={"size": 0}), 422)
    assert body["errors"] == {"name": ["Campo obrigatório."], "size": ["Deve ser no mínimo 1."]}
    assert body["data"] is None
    assert app.extensions["refused"] == [body["errors"]]


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nothing/here", {}, 404),
        ("GET", "/thing/x", {}, 404),
        ("DELETE", "/things", {}, 405),
        ("POST", "/raw", {"data": "{}", "content_type": "text/plain"}, 415),
        ("POST", "/things", {"data": "{", "content_type": "application/json"}, 400),
        ("POST", "/things", {"data": b"\xff\xfe", "content_type": "application/json"}, 400),
        ("POST", "/things", {"data": "", "content_type": "application/json"}, 400),
        ("POST", "/things", {"data": "[" * 100_000, "content_type": "application/json"}, 400),
        ("POST", "/things", {"data": "9" * 10_000, "content_type": "application/json"}, 400),
        ("POST", "/things", {"json": {"name": "a" * 1_000_000, "size": 1}}, 413),
        ("POST", "/raw", {"data": "{", "content_type": "application/json"}, 400),
        ("POST", "/things", {"data": "null", "content_type": "application/json"}, 400),
        ("POST", "/things", {"json": [1]}, 422),
        ("GET", "/stopped", {}, 409),
    ],
)
def test_every_error_is_an_envelope_in_portuguese(
    client: FlaskClient, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    body = envelope(client.open(path, method=method, **options), status)
    assert body["data"] is None
    assert body["resource"] == path.split("/")[1]
    assert body["message"].endswith(".") or status == 422
    assert not body["message"].isascii() or status in {404, 409}


def test_a_method_that_is_not_allowed_is_told_which_are(client: FlaskClient) -> None:
    assert "POST" in client.delete("/things").headers["Allow"]


def test_a_redirect_stays_a_redirect(client: FlaskClient) -> None:
    assert client.get("/swagger-ui").status_code == 308
    assert client.get("/swagger-ui/").status_code == 200


def test_the_clients_request_id_comes_back(client: FlaskClient) -> None:
    given = "trace-1.A_b"
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "bad", ["", "a b", "x" * 65, "ação", "<script>", "a;b", '"', "../x", "a%0d%0ab"]
)
def test_a_request_id_that_could_do_harm_is_replaced(client: FlaskClient, bad: str) -> None:
    header = bad.encode().decode("latin-1")
    answered = client.get("/healthz", headers={"X-Request-ID": header}).headers["X-Request-ID"]
    assert answered != header
    assert uuid.UUID(answered)


def test_every_request_without_an_id_gets_its_own(client: FlaskClient) -> None:
    ids = {client.get("/healthz").headers["X-Request-ID"] for _ in range(5)}
    assert len(ids) == 5


def test_an_answer_is_not_to_be_stored_or_guessed_at(client: FlaskClient) -> None:
    headers = client.get("/healthz").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_crash_answers_500_and_tells_nothing_of_itself(client: FlaskClient) -> None:
    response = client.get("/thing/7", headers={"Authorization": SECRET, "X-Request-ID": "r-5"})
    body = envelope(response, 500)
    assert body["message"] == "Erro interno. Informe o X-Request-ID ao suporte."
    assert SECRET not in response.get_data(as_text=True)
    assert response.headers["X-Request-ID"] == "r-5"


def test_a_crash_becomes_an_event_that_holds_no_secret(declared_broker: Broker) -> None:
    publisher = Publisher(settings_of(declared_broker), "test")
    make(publisher).test_client().get(
        "/thing/7",
        query_string={"token": SECRET},
        headers={"Authorization": SECRET, "X-Request-ID": "r-5", "Cookie": f"session={SECRET}"},
    )
    publisher.close()
    (event,) = take(declared_broker, "exception_error")
    assert SECRET not in event.body.decode()
    assert event.data["type"] == "RuntimeError"
    assert event.data["route"] == "/thing/<int:thing_id>"
    assert event.data["method"] == "GET"
    assert event.data["service"] == "things"
    assert event.data["request_id"] == event.properties.correlation_id == "r-5"
    assert "in crash" in event.data["stack"]


def test_a_crash_without_a_broker_is_answered_as_fast(client: FlaskClient) -> None:
    for _ in range(20):
        envelope(client.get("/thing/7"), 500)


def test_healthz_answers_whatever_is_away(unreachable: Publisher) -> None:
    app = make(unreachable, broker=web.broker_check(unreachable))
    assert envelope(app.test_client().get("/healthz"), 200)["data"] == {"status": "ok"}


def test_readyz_names_the_dependency_that_is_away(
    declared_broker: Broker, unreachable: Publisher
) -> None:
    publisher = Publisher(settings_of(declared_broker), "test")

    def broken() -> None:
        raise OSError(f"no route to {SECRET}")

    app = make(publisher, broker=web.broker_check(publisher), database=broken)
    response = app.test_client().get("/readyz")
    assert envelope(response, 503)["data"] == {"broker": "ok", "database": "unavailable"}
    assert SECRET not in response.get_data(as_text=True)
    app = make(publisher, other=web.broker_check(unreachable))
    assert envelope(app.test_client().get("/readyz"), 503)["data"] == {"other": "unavailable"}
    app = make(publisher, broker=web.broker_check(publisher))
    assert envelope(app.test_client().get("/readyz"), 200)["data"] == {"broker": "ok"}
    publisher.close()


def test_metrics_count_by_route_and_never_by_what_a_client_makes_up(client: FlaskClient) -> None:
    for name in ("aaa", "bbb"):
        client.get(f"/made-up-{name}")
        client.open("/healthz", method=f"MADE{name.upper()}")
    client.get("/thing/12345")
    response = client.get("/metrics")
    told = response.get_data(as_text=True)
    assert response.content_type.startswith("text/plain")
    assert 'http_requests_total{method="GET",route="/thing/<int:thing_id>",status="500"}' in told
    assert 'route="unknown",status="404"' in told
    assert "http_request_seconds_bucket" in told
    assert "made-up" not in told
    assert "MADE" not in told
    assert "12345" not in told


def test_the_documentation_is_served_from_here(client: FlaskClient) -> None:
    described = client.get("/openapi.json")
    assert described.status_code == 200
    assert described.get_json()["paths"]["/things"]["post"]["responses"]["422"]
    page = client.get("/swagger-ui/").get_data(as_text=True)
    assert "/openapi.json" in page
    assert "https://" not in page
    assert "http://" not in page.replace("http://localhost/swagger-ui/", "")
