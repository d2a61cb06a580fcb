import threading
from datetime import timedelta
from typing import Any

import jwt
from apiflask import APIFlask
from pymongo.database import Database

from core.clock import utc_now
from tests.clients import Broker
from tests.people import MARIA
from tests.queues import take
from tests.users.conftest import Client, MakeApp, SignedIn, log_in, sign_up
from tests.waiting import wait_until

Mongo = Database[dict[str, Any]]


def published(app: APIFlask) -> list[str]:
    client: Client = app.test_client()
    return [key["kid"] for key in client.get("/.well-known/jwks.json").json["keys"]]


def kid(session: SignedIn) -> str:
    found: str = jwt.get_unverified_header(session.token)["kid"]
    return found


def rotate(app: APIFlask) -> None:
    done = app.test_cli_runner().invoke(args=["keys", "rotate"])
    assert done.exit_code == 0, done.output


def test_the_key_set_is_public_and_may_be_cached(client: Client) -> None:
    response = client.get("/.well-known/jwks.json")

    (key,) = response.json["keys"]
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (key["kty"], key["crv"], key["use"], key["alg"]) == ("OKP", "Ed25519", "sig", "EdDSA")


def test_processes_that_start_together_agree_on_the_first_key(
    make_app: MakeApp, database: Mongo
) -> None:
    apps = [make_app() for _ in range(5)]
    barrier = threading.Barrier(len(apps))
    seen: list[list[str]] = []

    def look(app: APIFlask) -> None:
        barrier.wait()
        seen.append(published(app))

    threads = [threading.Thread(target=look, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(seen) == len(apps)
    assert all(kids == seen[0] for kids in seen)
    assert database["signing_keys"].count_documents({}) == 1


def test_the_private_key_is_stored_encrypted(client: Client, database: Mongo) -> None:
    client.get("/.well-known/jwks.json")

    (stored,) = database["signing_keys"].find()

    assert stored["private_pem"].startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")


def test_after_a_rotation_new_tokens_have_the_new_key_and_old_ones_still_work(
    app: APIFlask, maria: SignedIn
) -> None:
    (former,) = published(app)

    rotate(app)

    newer = log_in(maria.client, MARIA)
    assert kid(maria) == former
    assert published(app) == [kid(newer), former]
    assert kid(newer) != former
    assert maria.call("GET", "/me").status_code == 200
    assert maria.renew().status_code == 200


def test_a_process_that_did_not_rotate_knows_the_new_key_when_it_meets_it(
    make_app: MakeApp,
) -> None:
    one, other = make_app(), make_app()
    sign_up(one.test_client(), MARIA)
    published(other)
    rotate(one)
    session = log_in(one.test_client(), MARIA)

    # It asks the database for unknown keys at most once a second.
    session.client = other.test_client()
    wait_until(lambda: session.call("GET", "/me").status_code == 200, timeout=5)


def test_a_key_goes_once_all_its_tokens_have_expired(app: APIFlask, database: Mongo) -> None:
    published(app)
    rotate(app)
    first_end = database["signing_keys"].find_one({"_id": 1})
    rotate(app)

    stored = list(database["signing_keys"].find().sort("_id"))

    assert [key["_id"] for key in stored] == [1, 2, 3]
    assert first_end is not None
    assert stored[0]["expires_at"] == first_end["expires_at"]
    assert timedelta(days=30) < stored[1]["expires_at"] - utc_now() <= timedelta(days=31)
    assert "expires_at" not in stored[2]
    app.extensions["users"].store.prepare()
    assert database["signing_keys"].index_information()["expired"]["expireAfterSeconds"] == 0


def test_rotations_at_once_keep_one_order(make_app: MakeApp, database: Mongo) -> None:
    apps = [make_app() for _ in range(4)]
    published(apps[0])

    threads = [threading.Thread(target=rotate, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    numbers = [key["_id"] for key in database["signing_keys"].find().sort("_id")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 2


def test_another_passphrase_is_told_and_makes_no_token(make_app: MakeApp) -> None:
    sign_up(make_app().test_client(), MARIA)
    published(make_app())
    stranger: Client = make_app(KEYS_PASSPHRASE="another one").test_client()

    ready = stranger.get("/readyz")
    command = stranger.application.test_cli_runner().invoke(args=["keys", "rotate"])

    assert ready.status_code == 503
    assert ready.json["data"]["database"] == "unavailable"
    assert stranger.post("/auth", json=MARIA.log_in()).status_code == 500
    assert command.exit_code == 1
    assert "KEYS_PASSPHRASE" in command.output


def test_what_nobody_foresaw_is_told_to_the_operators_without_the_password(
    make_app: MakeApp, declared_broker: Broker
) -> None:
    sign_up(make_app().test_client(), MARIA)
    log_in(make_app().test_client(), MARIA)
    stranger: Client = make_app(
        KEYS_PASSPHRASE="another one",
        BROKER_URL=declared_broker.url,
        BROKER_NAMESPACE=declared_broker.namespace,
    ).test_client()

    failed = stranger.post("/auth", json=MARIA.log_in())

    (event,) = take(declared_broker, "exception_error")
    assert failed.status_code == 500
    assert event.data["type"] == "LockedKeysError"
    assert event.data["service"] == "users"
    assert event.data["route"] == "/auth"
    assert event.data["request_id"] == failed.headers["X-Request-ID"]
    assert MARIA.password.encode() not in event.body
    assert MARIA.email.encode() not in event.body
