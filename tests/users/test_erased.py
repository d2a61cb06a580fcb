"""The agendador is told of each erased account, however long it is away and whatever dies."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pymongo.database import Database

from core.clock import utc_now
from core.tokens import Verifier
from tests.people import ESTELA
from tests.users.conftest import Client, MakeApp, SignedIn, log_in, sign_up
from tests.waiting import wait_until
from users.outbox import Outbox
from users.services import Services
from users.settings import UsersSettings

Mongo = Database[dict[str, Any]]
LONGEST_PAUSE = timedelta(seconds=61)


@dataclass
class Agendador:
    """Stands where the agendador stands: keeps what it is asked and answers as told."""

    url: str = ""
    status: int = 200
    asked: list[tuple[str, str, str]] = field(default_factory=list)


@pytest.fixture
def agendador() -> Iterator[Agendador]:
    mine = Agendador()

    class Handler(BaseHTTPRequestHandler):
        def do_DELETE(self) -> None:
            mine.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
            self.send_response(mine.status)
            self.send_header("Location", f"{mine.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        mine.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield mine
        server.shutdown()
        thread.join()


@pytest.fixture
def client(make_app: MakeApp, agendador: Agendador) -> Client:
    return make_app(AGENDADOR_URL=agendador.url).test_client()


def waits(database: Mongo) -> dict[str, Any] | None:
    return database["mails"].find_one({"kind": "account_erased"})


def outbox(client: Client) -> Outbox:
    made: Services = client.application.extensions["users"]
    return made.outbox


def wait_for_attempts(client: Client, database: Mongo, number: int) -> None:
    """Let the pauses pass until so many attempts were made."""

    def done() -> bool:
        _end_pauses(client, database)
        return database["mails"].find_one({"attempts": {"$gte": number}}) is not None

    wait_until(done)


def wait_until_told(client: Client, database: Mongo) -> None:
    """Let the pauses pass until the agendador knows."""

    def done() -> bool:
        _end_pauses(client, database)
        return is_told(database)

    wait_until(done)


def is_told(database: Mongo) -> bool:
    return bool((waits(database) or {}).get("told"))


def _end_pauses(client: Client, database: Mongo) -> None:
    # What is being tried keeps its lease, so that it is tried by one alone.
    soon = {"$gt": utc_now(), "$lt": utc_now() + LONGEST_PAUSE}
    database["mails"].update_many(
        {"next_attempt_at": soon}, {"$set": {"next_attempt_at": utc_now()}}
    )
    outbox(client).wake()


def test_the_agendador_is_told_in_the_name_of_who_left(
    maria: SignedIn, agendador: Agendador, database: Mongo
) -> None:
    assert maria.call("DELETE", "/me").status_code == 200
    wait_until(lambda: is_told(database))

    ((method, path, header),) = agendador.asked
    assert (method, path) == ("DELETE", "/me")
    app = maria.client.application
    with app.test_request_context():
        verifier: Verifier = app.extensions["tokens"]
        said = verifier.claims(header.removeprefix("Bearer "))
    assert said["sub"] == maria.id
    assert (said["email"], said["type"], said["group"]) == ("", "access", "users")
    assert said["exp"] - said["iat"] <= 300


def test_it_is_told_again_when_the_last_token_has_expired_and_then_no_more(
    maria: SignedIn, agendador: Agendador, database: Mongo
) -> None:
    maria.call("DELETE", "/me")
    gone_at = utc_now()
    wait_until(lambda: is_told(database))
    kept = waits(database)
    assert kept is not None
    token_minutes = UsersSettings.model_fields["access_token_minutes"].default
    assert kept["next_attempt_at"] > gone_at + timedelta(minutes=token_minutes)
    assert len(agendador.asked) == 1

    database["mails"].update_many({}, {"$set": {"next_attempt_at": utc_now()}})
    outbox(maria.client).wake()
    wait_until(lambda: waits(database) is None)

    assert [path for _, path, _ in agendador.asked] == ["/me", "/me"]


@pytest.mark.parametrize("status", [401, 503, 307])
def test_it_is_told_until_it_answers_well(
    maria: SignedIn, agendador: Agendador, database: Mongo, status: int
) -> None:
    agendador.status = status
    maria.call("DELETE", "/me")
    wait_until(lambda: agendador.asked)
    kept = waits(database)
    assert kept is not None
    assert kept["account_id"] == maria.id
    assert set(kept) == {
        "_id", "kind", "account_id", "attempts", "next_attempt_at", "expires_at",
    }  # fmt: skip
    assert kept["expires_at"] > utc_now() + timedelta(days=10 * 365)

    agendador.status = 200
    wait_until_told(maria.client, database)

    assert {path for _, path, _ in agendador.asked} == {"/me"}


def test_an_agendador_that_is_away_is_told_by_whoever_runs_when_it_is_back(
    make_app: MakeApp, agendador: Agendador, database: Mongo
) -> None:
    alone = make_app().test_client()
    sign_up(alone, ESTELA)
    estela = log_in(alone, ESTELA)
    estela.call("DELETE", "/me")
    wait_for_attempts(alone, database, 2)
    outbox(alone).close()

    other = make_app(AGENDADOR_URL=agendador.url).test_client()
    other.get("/healthz")

    wait_until_told(other, database)
    assert len(agendador.asked) == 1


def test_who_dies_before_the_account_is_erased_has_nobody_s_jobs_ended(
    maria: SignedIn, agendador: Agendador, database: Mongo
) -> None:
    outbox(maria.client).put_erased(maria.id)
    wait_for_attempts(maria.client, database, 2)

    assert agendador.asked == []
    assert waits(database) is not None
    assert maria.call("GET", "/me").status_code == 200

    # Nor is it lost when the account is erased and nobody is left to say so.
    database["accounts"].delete_many({})
    wait_until_told(maria.client, database)
    assert len(agendador.asked) == 1
