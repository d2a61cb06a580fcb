from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.people import ESTELA, JOAO, MARIA, Person, cnpj, cpf
from tests.users.conftest import Client, SignedIn, log_in, sign_up


def people(count: int) -> list[Person]:
    return [
        replace(ESTELA, email=f"pessoa-{n}@empresa.example", cpf_cnpj=cpf(100_000_001 + n))
        for n in range(count)
    ]


def test_accounts_are_listed_page_by_page_newest_first(client: Client, joao: SignedIn) -> None:
    made = [sign_up(client, person) for person in people(4)]
    expected = [account["id"] for account in reversed(made)] + [joao.id]

    first = joao.call("GET", "/admin/users/page/1?page_size=3").json["data"]
    second = joao.call("GET", "/admin/users/page/2?page_size=3").json["data"]

    assert [row["id"] for row in first.pop("items") + second.pop("items")] == expected
    common = {"per_page": 3, "total": 5}
    assert first == common | {
        "page": 1, "has_next": True, "has_prev": False, "next_num": 2, "prev_num": None
    }  # fmt: skip
    assert second == common | {
        "page": 2, "has_next": False, "has_prev": True, "next_num": None, "prev_num": 1
    }  # fmt: skip


def test_a_page_beyond_the_last_is_empty(joao: SignedIn) -> None:
    page = joao.call("GET", "/admin/users/page/1000000?page_size=100")

    assert page.status_code == 200
    assert page.json["data"]["items"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("page/0", 404),
        ("page/-1", 404),
        ("page/99999999999999999999", 404),
        ("page/1?page_size=0", 422),
        ("page/1?page_size=101", 422),
        ("page/1?page_size=x", 422),
    ],
)
def test_a_page_that_cannot_be_is_refused(joao: SignedIn, path: str, status: int) -> None:
    assert joao.call("GET", f"/admin/users/{path}").status_code == status


@pytest.mark.parametrize(
    "typed", ["11144477735", "111.444.777-35", "%20111.444.777-35", "111.444.777%2D35"]
)
def test_an_account_is_found_by_its_cpf(maria: SignedIn, joao: SignedIn, typed: str) -> None:
    found = joao.call("GET", f"/admin/users/cpf/{typed}")

    assert found.json["data"] == maria.account


def test_an_account_is_found_by_its_punctuated_cnpj(client: Client, joao: SignedIn) -> None:
    digits = cnpj(42)
    account = sign_up(client, replace(MARIA, cpf_cnpj=digits))
    typed = f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}/{digits[8:12]}-{digits[12:]}"

    for form in (digits, typed, typed.replace("/", "%2F")):
        assert joao.call("GET", f"/admin/users/cpf/{form}").json["data"] == account


@pytest.mark.parametrize("document", ["12345678901", "x", cpf(555_555_123)])
def test_nobody_has_an_unknown_document(joao: SignedIn, document: str) -> None:
    assert joao.call("GET", f"/admin/users/cpf/{document}").status_code == 404


def test_an_account_is_read_changed_and_read_again(maria: SignedIn, joao: SignedIn) -> None:
    path = f"/admin/users/{maria.id}"
    changes = {
        "full_name": "Maria Corrigida",
        "email": "corrigida@empresa.example",
        "cpf_cnpj": cpf(444_555_666),
        "date_of_birth": "1990-01-02",
        "address": {
            "logradouro": "Rua XV de Novembro", "numero": "s/n", "complemento": "Fundos",
            "bairro": "Centro", "municipio": "Curitiba", "uf": "PR", "cep": "80020-310",
        },
    }  # fmt: skip

    assert joao.call("GET", path).json["data"] == maria.account
    assert joao.call("PUT", path, changes).json["data"] == maria.account | changes
    assert joao.call("GET", path).json["data"] == maria.account | changes


def test_an_account_may_be_sent_back_whole(maria: SignedIn, joao: SignedIn) -> None:
    account = maria.account | {"full_name": "Maria Outra"}

    changed = joao.call("PUT", f"/admin/users/{maria.id}", account)

    assert changed.json["data"] == account


def test_a_bad_change_is_refused_by_name(maria: SignedIn, joao: SignedIn) -> None:
    bad = {"group": "root", "active": "talvez", "email": JOAO.email, "address": {"uf": "ZZ"}}

    refused = joao.call("PUT", f"/admin/users/{maria.id}", bad)
    taken = joao.call("PUT", f"/admin/users/{maria.id}", {"email": JOAO.email})

    assert set(refused.json["errors"]) == {"group", "active", "address.uf"}
    assert set(taken.json["errors"]) == {"email"}


def test_a_deactivated_account_can_neither_enter_nor_renew(maria: SignedIn, joao: SignedIn) -> None:
    gone = joao.call("DELETE", f"/admin/users/{maria.id}")

    assert gone.json["data"] == maria.account | {"active": False}
    assert maria.renew().status_code == 401
    assert maria.client.post("/auth", json=MARIA.log_in()).status_code == 401


def test_an_account_that_is_active_again_enters_but_its_former_tokens_stay_ended(
    maria: SignedIn, joao: SignedIn
) -> None:
    joao.call("DELETE", f"/admin/users/{maria.id}")
    joao.call("PUT", f"/admin/users/{maria.id}", {"active": True})

    assert maria.renew().status_code == 401
    assert log_in(maria.client, MARIA).token


def test_rights_count_at_once_whatever_the_token_says(maria: SignedIn, joao: SignedIn) -> None:
    path = f"/admin/users/{maria.id}"
    joao.call("PUT", path, {"group": "admin"})
    promoted = log_in(maria.client, MARIA, "/auth/admin")
    assert promoted.call("GET", path).status_code == 200

    joao.call("PUT", path, {"group": "users"})

    assert promoted.call("GET", path).status_code == 403
    assert promoted.renew().status_code == 401


@pytest.mark.parametrize("changes", [{"active": False}, {"group": "users"}, None])
def test_administrators_do_not_take_away_their_own_rights(
    joao: SignedIn, changes: dict[str, Any] | None
) -> None:
    refused = joao.call("PUT" if changes else "DELETE", f"/admin/users/{joao.id.upper()}", changes)

    assert refused.status_code == 409
    assert joao.call("GET", "/me").json["data"] == joao.account


CALLS: list[tuple[str, Callable[[str], str]]] = [
    ("GET", lambda _: "/admin/users/page/1"),
    ("GET", lambda _: f"/admin/users/cpf/{MARIA.cpf_cnpj}"),
    ("GET", lambda id_: f"/admin/users/{id_}"),
    ("PUT", lambda id_: f"/admin/users/{id_}"),
    ("DELETE", lambda id_: f"/admin/users/{id_}"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_only_administrators_may_call(
    client: Client, maria: SignedIn, method: str, path: Callable[[str], str]
) -> None:
    sign_up(client, ESTELA)
    outsider = log_in(client, ESTELA)
    body = {"full_name": "Invadida"} if method == "PUT" else None

    assert client.open(path(maria.id), method=method, json=body).status_code == 401
    for session in (maria, outsider):
        assert session.call(method, path(maria.id), body).status_code == 403
    assert maria.call("GET", "/me").json["data"] == maria.account


@pytest.mark.parametrize("account_id", ["0" * 24, "x", "12", "%00", "%FF", "$ne", "a" * 5_000])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_account_that_is_not_there_is_not_found(
    joao: SignedIn, method: str, account_id: str
) -> None:
    body: dict[str, Any] | None = {} if method == "PUT" else None

    assert joao.call(method, f"/admin/users/{account_id}", body).status_code == 404
