import pytest

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
