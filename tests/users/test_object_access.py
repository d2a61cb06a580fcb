"""Who reaches what: every call of the document, with every kind of caller.

What is expected follows from the address alone, so a new call is asked for the same.
"""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from apiflask import APIFlask

from tests.forgeries import forgeries
from tests.people import ESTELA, MARIA
from tests.users.conftest import Client, SignedIn, log_in, sign_up
from users.services import Services

# What needs no token: health, the public keys, and the ways in.
OPEN = {
    "/healthz", "/readyz", "/.well-known/jwks.json", "/users", "/auth", "/auth/admin",
    "/auth/forgot", "/auth/reset",
}  # fmt: skip
# Whoever renews sends the other type of token; who logs out may send either.
RENEWAL, EITHER = "/auth/refresh", {"/auth/refresh", "/auth/logout"}


def calls(app: APIFlask) -> Iterator[tuple[str, str]]:
    spec: Any = app.spec
    for path, methods in spec["paths"].items():
        for method in methods:
            yield method.upper(), path


@pytest.fixture
def ids(maria: SignedIn) -> dict[str, Any]:
    """Give what names Maria; a call that takes another id has to be named here."""
    return {"account_id": maria.id, "cpf_cnpj": MARIA.cpf_cnpj, "page": 1}


def guarded(app: APIFlask, ids: dict[str, Any]) -> list[tuple[str, str]]:
    return [(method, path.format(**ids)) for method, path in calls(app) if path not in OPEN]


def said(token: str) -> dict[str, Any]:
    """Return what a token says, whoever signed it."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_every_guarded_call_refuses_every_bad_token(
    app: APIFlask, client: Client, maria: SignedIn, ids: dict[str, Any]
) -> None:
    made: Services = app.extensions["users"]
    kid, key = made.keys.signing()
    good = {name: said(getattr(maria, name)) for name in ("token", "refresh")}
    for method, path in guarded(app, ids):
        bad = forgeries(good["refresh" if path == RENEWAL else "token"], kid, key)
        if path not in EITHER:
            bad["of the other type"] = maria.refresh
        elif path == RENEWAL:
            bad["of the other type"] = maria.token
        assert client.open(path, method=method, json={}).status_code == 401, (method, path)
        for name, token in bad.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.open(path, method=method, json={}, headers=headers)
            assert answer.status_code == answer.json["status"] == 401, (name, method, path)
    assert maria.call("GET", "/me").json["data"] == maria.account
    assert maria.renew().status_code == 200


def test_only_administrators_reach_the_accounts_of_others(
    app: APIFlask, client: Client, joao: SignedIn, maria: SignedIn, ids: dict[str, Any]
) -> None:
    sign_up(client, ESTELA)
    estela = log_in(client, ESTELA)
    body = {"full_name": "Invadida", "current_password": ESTELA.password}
    for method, path in guarded(app, ids):
        if path.startswith("/admin/"):
            assert estela.call(method, path, body).status_code == 403, (method, path)
            assert estela.call(method, path).status_code == 403, (method, path)
        else:
            # What is not the administrators' takes no id: it is about the caller.
            assert maria.id not in path
            assert MARIA.cpf_cnpj not in path

    assert maria.call("GET", "/me").json["data"] == maria.account
    assert joao.call("GET", f"/admin/users/{maria.id}").json["data"] == maria.account


def test_a_deactivated_account_reaches_nothing_though_its_token_is_good(
    app: APIFlask, joao: SignedIn, maria: SignedIn, ids: dict[str, Any]
) -> None:
    joao.call("PUT", f"/admin/users/{maria.id}", {"active": False})
    change = {"password": "outra-senha-boa", "confirm_password": "outra-senha-boa"}
    change |= {"current_password": MARIA.password}
    for method, path in guarded(app, ids):
        if path != "/auth/logout":
            assert maria.call(method, path, change).status_code == 401, (method, path)
    assert maria.renew().status_code == 401
