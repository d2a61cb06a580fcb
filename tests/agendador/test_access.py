import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from apiflask import APIFlask
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient

from tests.agendador.conftest import NOWHERE, Users, claims_of
from tests.people import MARIA
from tests.waiting import wait_until

Forge = Callable[[Users, str], str]


def other_key(users: Users, kid: str) -> str:
    return users.token(MARIA, kid=kid, key=Ed25519PrivateKey.generate())


def unknown_kid(users: Users, kid: str) -> str:
    return jwt.encode(claims_of(MARIA), users.keys[kid], "EdDSA", headers={"kid": "other"})


def no_kid(users: Users, kid: str) -> str:
    return jwt.encode(claims_of(MARIA), users.keys[kid], "EdDSA")


def unsigned(_users: Users, kid: str) -> str:
    return jwt.encode(claims_of(MARIA), "", "none", headers={"kid": kid})


def hmac_with_the_public_key(users: Users, kid: str) -> str:
    public = users.keys[kid].public_key().public_bytes_raw()
    return jwt.encode(claims_of(MARIA), public, "HS256", headers={"kid": kid})


def hmac_with_the_public_pem(users: Users, kid: str) -> str:
    pem = (
        users.keys[kid]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    # PyJWT itself refuses to sign with a PEM, so the secret is what follows its header line.
    secret = pem.split(b"\n", 1)[1]
    return jwt.encode(claims_of(MARIA), secret, "HS256", headers={"kid": kid})


def with_claims(**claims: Any) -> Forge:
    return lambda users, kid: users.token(MARIA, kid=kid, **claims)


def altered(users: Users, kid: str) -> str:
    head, body, signature = users.token(MARIA, kid=kid).split(".")
    return f"{head}.{body[:-2]}AA.{signature}"


def nested(_users: Users, _kid: str) -> str:
    return jwt.utils.base64url_encode(b"[" * 5_000).decode() + ".e30.x"


FORGERIES: list[Forge] = [
    other_key, unknown_kid, no_kid, unsigned, hmac_with_the_public_key, hmac_with_the_public_pem,
    altered, nested,
]  # fmt: skip


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


def status(client: FlaskClient, token: str, path: str = "/jobs") -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_token_is_refused(client: FlaskClient, users: Users, forge: Forge) -> None:
    kid = next(iter(users.keys))
    answer: Any = client.get("/jobs", headers={"Authorization": f"Bearer {forge(users, kid)}"})

    assert answer.status_code == answer.json["status"] == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 1},
        {"nbf": int(time.time()) + 600},
        {"iss": "another"},
        {"aud": "another"},
        {"type": "refresh"},
        {"sub": 7},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_a_token_that_says_the_wrong_thing_is_refused(
    client: FlaskClient, users: Users, claims: dict[str, Any]
) -> None:
    kid = next(iter(users.keys))

    assert status(client, with_claims(**claims)(users, kid)) == 401


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic eDp5", "Bearer a b c"])
def test_without_a_token_nothing_is_answered(client: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer: Any = client.get("/jobs", headers=headers)

    assert answer.status_code == answer.json["status"] == 401
    assert "data" in answer.json


def test_a_token_comes_before_the_payload(client: FlaskClient) -> None:
    assert client.post("/jobs", json={}).status_code == 401
    assert client.post("/jobs", data="{", content_type="application/json").status_code == 401


def test_keys_are_asked_for_once(client: FlaskClient, users: Users) -> None:
    for _ in range(3):
        assert status(client, users.token(MARIA)) == 200

    assert users.asked == 1


def test_a_new_key_is_found_without_a_restart(client: FlaskClient, users: Users) -> None:
    assert status(client, users.token(MARIA)) == 200
    new = users.add_key()

    wait_until(lambda: status(client, users.token(MARIA, kid=new)) == 200)


def test_unknown_keys_do_not_make_it_ask_again_and_again(client: FlaskClient, users: Users) -> None:
    for number in range(20):
        forged = jwt.encode(
            claims_of(MARIA), Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": str(number)}
        )
        assert status(client, forged) == 401

    assert users.asked <= 2


def test_known_keys_go_on_being_used_while_users_is_away(client: FlaskClient, users: Users) -> None:
    assert status(client, users.token(MARIA)) == 200
    users.answering = False
    new = users.add_key()

    assert wait_until(lambda: status(client, users.token(MARIA, kid=new)) == 503)
    assert status(client, users.token(MARIA)) == 200


def test_without_any_key_the_service_is_unavailable(
    make_app: Callable[..., APIFlask], users: Users
) -> None:
    client = make_app(JWKS_URL=f"http://{NOWHERE}/jwks.json").test_client()

    assert status(client, users.token(MARIA)) == 503
