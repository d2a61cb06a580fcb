import base64
import json
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymongo.database import Database

from core.clock import utc_now
from tests.people import ESTELA, JOAO, MARIA
from tests.users.conftest import Client, SignedIn, log_in, sign_up

Mongo = Database[dict[str, Any]]


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_logging_in_answers_the_account_and_both_tokens(client: Client) -> None:
    account = sign_up(client, MARIA)

    response = client.post("/auth", json=MARIA.log_in())

    assert response.status_code == 200
    assert response.json["data"].keys() == {*account, "token", "refresh"}
    assert {**account, **response.json["data"]} == response.json["data"]


def test_an_access_token_says_who_it_is_for_and_lives_fifteen_minutes(maria: SignedIn) -> None:
    found = claims(maria.token)

    assert found["sub"] == found["user_id"] == maria.id
    assert found["email"] == MARIA.email
    assert found["group"] == "users"
    assert found["iss"] == found["aud"] == "agendador-de-consulta-cnpj"
    assert found["exp"] - found["iat"] == 900


def test_tokens_verify_with_the_published_keys(client: Client, maria: SignedIn) -> None:
    published = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json)
    header = jwt.get_unverified_header(maria.token)

    decoded = jwt.decode(
        maria.token,
        published[header["kid"]],
        ["EdDSA"],
        audience="agendador-de-consulta-cnpj",
        issuer="agendador-de-consulta-cnpj",
    )

    assert header["alg"] == "EdDSA"
    assert decoded["email"] == MARIA.email


def test_people_log_in_whatever_the_case_of_their_email(client: Client) -> None:
    sign_up(client, MARIA)

    assert log_in(client, replace(MARIA, email=f" {MARIA.email.upper()} ")).token


def test_an_unknown_email_and_a_wrong_password_are_answered_alike(client: Client) -> None:
    sign_up(client, MARIA)

    wrong = client.post("/auth", json=MARIA.log_in() | {"password": JOAO.password})
    unknown = client.post("/auth", json=JOAO.log_in())

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json == unknown.json


def test_an_unknown_email_takes_as_long_as_a_wrong_password(client: Client) -> None:
    sign_up(client, MARIA)

    def seconds(email: str) -> float:
        began = time.process_time()
        client.post("/auth", json={"email": email, "password": "errada-errada"})
        return time.process_time() - began

    known = statistics.median(seconds(MARIA.email) for _ in range(5))
    unknown = statistics.median(seconds(f"ninguem-{i}@empresa.example") for i in range(5))

    assert unknown > known / 2


@pytest.mark.parametrize("field", ["email", "password"])
@pytest.mark.parametrize("value", [None, 7, {"$gt": ""}, ["x"], "x" * 1_000])
def test_credentials_of_another_kind_are_refused_by_name(
    client: Client, field: str, value: Any
) -> None:
    response = client.post("/auth", json=MARIA.log_in() | {field: value})

    assert response.status_code == 422
    assert set(response.json["errors"]) == {field}


def test_only_administrators_enter_as_such(client: Client, joao: SignedIn) -> None:
    sign_up(client, MARIA)

    refused = client.post("/auth/admin", json=MARIA.log_in())
    unknown = client.post("/auth/admin", json=ESTELA.log_in())

    assert claims(joao.token)["group"] == "admin"
    assert refused.status_code == 403
    assert "token" not in refused.text
    assert unknown.status_code == 401


def test_a_refresh_token_brings_a_new_pair(client: Client, maria: SignedIn) -> None:
    renewed = maria.renew()

    assert renewed.status_code == 200
    assert renewed.json["data"].keys() == {"token", "refresh"}
    me = client.get("/me", headers=bearer(renewed.json["data"]["token"]))
    assert me.json["data"] == maria.account


def test_a_refresh_token_used_twice_ends_its_whole_family(client: Client, maria: SignedIn) -> None:
    elsewhere = log_in(client, MARIA)
    newer = replace(maria, refresh=maria.renew().json["data"]["refresh"])

    assert maria.renew().status_code == 401
    assert newer.renew().status_code == 401
    assert elsewhere.renew().status_code == 200


def test_of_many_uses_of_a_refresh_token_at_once_one_works(maria: SignedIn) -> None:
    barrier = threading.Barrier(6)
    statuses: list[int] = []

    def renew_together() -> None:
        client = maria.client.application.test_client()
        barrier.wait()
        statuses.append(replace(maria, client=client).renew().status_code)

    threads = [threading.Thread(target=renew_together) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 401, 401, 401, 401, 401]


def test_a_chain_of_renewals_goes_on(maria: SignedIn) -> None:
    session = maria
    for _ in range(5):
        session = replace(session, **session.renew().json["data"])

    assert session.call("GET", "/me").status_code == 200


@pytest.mark.parametrize("kind", ["token", "refresh"])
def test_logging_out_with_either_token_ends_the_session(
    client: Client, maria: SignedIn, kind: str
) -> None:
    elsewhere = log_in(client, MARIA)

    left = client.post("/auth/logout", headers=bearer(getattr(maria, kind)))

    assert left.status_code == 200
    assert maria.renew().status_code == 401
    assert elsewhere.renew().status_code == 200


def test_each_token_works_in_its_place_only(client: Client, maria: SignedIn) -> None:
    assert client.get("/me", headers=bearer(maria.refresh)).status_code == 401
    assert client.post("/auth/refresh", headers=bearer(maria.token)).status_code == 401


def test_families_go_when_their_tokens_have_expired(maria: SignedIn, database: Mongo) -> None:
    family = database["token_families"].find_one({"user_id": maria.id})
    indexes = database["token_families"].index_information()

    assert family is not None
    assert timedelta(days=29) < family["expires_at"] - utc_now() <= timedelta(days=30)
    assert indexes["expired"]["expireAfterSeconds"] == 0


def test_a_password_hashed_with_former_parameters_is_hashed_again(
    client: Client, database: Mongo
) -> None:
    sign_up(client, MARIA)
    former = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(MARIA.password)
    database["accounts"].update_one({"email": MARIA.email}, {"$set": {"password_hash": former}})

    log_in(client, MARIA)

    stored = database["accounts"].find_one({"email": MARIA.email})
    assert stored is not None
    assert "m=19456" in stored["password_hash"]
    assert log_in(client, MARIA).token


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return jwt.get_unverified_header(token), claims(token)


def other_key(token: str, _public: bytes) -> str:
    header, body = _parts(token)
    return jwt.encode(body, Ed25519PrivateKey.generate(), "EdDSA", headers={"kid": header["kid"]})


def unknown_kid(token: str, _public: bytes) -> str:
    return jwt.encode(_parts(token)[1], Ed25519PrivateKey.generate(), "EdDSA", {"kid": "x"})


def unsigned(token: str, _public: bytes) -> str:
    header, body = _parts(token)
    return jwt.encode(body, "", "none", headers={"kid": header["kid"]})


def hmac_with_the_public_key(token: str, public: bytes) -> str:
    header, body = _parts(token)
    return jwt.encode(body, public, "HS256", headers={"kid": header["kid"]})


def promoted(token: str, _public: bytes) -> str:
    head, _, signature = token.split(".")
    changed = json.dumps(claims(token) | {"group": "admin"}).encode()
    return ".".join((head, base64.urlsafe_b64encode(changed).decode().rstrip("="), signature))


def nonsense(_token: str, _public: bytes) -> str:
    return "a.b.c"


@pytest.mark.parametrize(
    "forge",
    [other_key, unknown_kid, unsigned, hmac_with_the_public_key, promoted, nonsense],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/me"), ("POST", "/auth/refresh"), ("GET", "/admin/users/page/1")]
)
@pytest.mark.filterwarnings("ignore:The HMAC key is")
def test_a_forged_token_is_refused(
    client: Client,
    maria: SignedIn,
    forge: Callable[[str, bytes], str],
    method: str,
    path: str,
) -> None:
    (key,) = jwt.PyJWKSet.from_dict(client.get("/.well-known/jwks.json").json).keys
    public = key.key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    token = maria.refresh if path == "/auth/refresh" else maria.token

    response = client.open(path, method=method, headers=bearer(forge(token, public)))

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_token_nothing_of_an_account_is_shown(client: Client) -> None:
    response = client.get("/me")

    assert response.status_code == 401
    assert response.json["data"] is None
