from dataclasses import replace
from typing import Any

import pytest
from pymongo.database import Database

from tests.clients import Inbox
from tests.people import ESTELA, JOAO, MARIA, cpf
from tests.users.conftest import Client, MakeApp, SignedIn, log_in, sign_up

Mongo = Database[dict[str, Any]]
ADDRESS = {
    "logradouro": "Avenida Paulista",
    "numero": "1578",
    "complemento": "",
    "bairro": "Bela Vista",
    "municipio": "São Paulo",
    "uf": "SP",
    "cep": "01310-200",
}


def new_password(old: str, new: str) -> dict[str, str]:
    return {"current_password": old, "password": new, "confirm_password": new}


def test_what_is_sent_changes_and_the_rest_stays(maria: SignedIn) -> None:
    changes = {
        "full_name": "Maria Araújo",
        "date_of_birth": "1985-03-15",
        "cpf_cnpj": cpf(444_555_666),
        "address": ADDRESS,
    }

    changed = maria.call("PATCH", "/me", changes)

    assert changed.status_code == 200
    assert changed.json["data"] == maria.account | changes
    assert maria.call("GET", "/me").json["data"] == maria.account | changes


def test_changing_nothing_changes_nothing(maria: SignedIn) -> None:
    assert maria.call("PATCH", "/me", {}).json["data"] == maria.account


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"full_name": ""}, "full_name"),
        ({"full_name": None}, "full_name"),
        ({"email": "x"}, "email"),
        ({"cpf_cnpj": ""}, "cpf_cnpj"),
        ({"date_of_birth": "ontem"}, "date_of_birth"),
        ({"address": "rua"}, "address"),
        ({"address": {"uf": "XX"}}, "address.uf"),
        ({"address": {"cep": "123"}}, "address.cep"),
        ({"address": {"logradouro": "x" * 121}}, "address.logradouro"),
        ({"address": {"bairro": "a\nb"}}, "address.bairro"),
    ],
)
def test_a_bad_change_is_refused_by_name(
    maria: SignedIn, changes: dict[str, Any], field: str
) -> None:
    refused = maria.call("PATCH", "/me", changes)

    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {field}
    assert maria.call("GET", "/me").json["data"] == maria.account


def test_a_change_that_is_no_object_is_refused(maria: SignedIn) -> None:
    for body in ("null", "[]", "7", "{"):
        refused = maria.client.patch(
            "/me", data=body, headers={"Authorization": f"Bearer {maria.token}"}
        )
        assert refused.status_code in {400, 422}


def test_rights_and_the_password_are_not_changed_in_passing(
    maria: SignedIn, database: Mongo
) -> None:
    before = database["accounts"].find_one({})

    maria.call("PATCH", "/me", {"group": "admin", "active": False, "password_hash": "x", "id": "1"})

    assert database["accounts"].find_one({}) == before


def test_another_email_needs_the_password(maria: SignedIn) -> None:
    wanted = {"email": "nova@empresa.example"}

    for body in (wanted, wanted | {"current_password": "errada-errada"}):
        refused = maria.call("PATCH", "/me", body)
        assert refused.status_code == 422
        assert set(refused.json["errors"]) == {"current_password"}

    changed = maria.call("PATCH", "/me", wanted | {"current_password": MARIA.password})
    assert changed.json["data"]["email"] == "nova@empresa.example"
    assert log_in(maria.client, replace(MARIA, email="nova@empresa.example")).token


def test_the_former_email_is_told_of_its_change(make_app: MakeApp, inbox: Inbox) -> None:
    client = make_app(SMTP_HOST=inbox.smtp_host, SMTP_PORT=str(inbox.smtp_port)).test_client()
    sign_up(client, MARIA)
    session = log_in(client, MARIA)

    session.call(
        "PATCH", "/me", {"email": "nova@empresa.example", "current_password": MARIA.password}
    )

    (mail,) = inbox.wait_for(1, to=MARIA.email)
    assert mail.subject == "O e-mail da sua conta mudou"
    assert "nova@empresa.example" not in mail.text


def test_an_email_of_somebody_else_is_refused(maria: SignedIn) -> None:
    sign_up(maria.client, ESTELA)

    taken = maria.call("PATCH", "/me", {"email": ESTELA.email, "current_password": MARIA.password})

    assert taken.status_code == 422
    assert set(taken.json["errors"]) == {"email"}


def test_another_password_ends_the_other_sessions(maria: SignedIn) -> None:
    elsewhere = log_in(maria.client, MARIA)

    changed = maria.call("POST", "/me/password", new_password(MARIA.password, JOAO.password))

    assert changed.status_code == 200
    assert elsewhere.renew().status_code == 401
    assert maria.renew().status_code == 200
    assert maria.client.post("/auth", json=MARIA.log_in()).status_code == 401
    assert log_in(maria.client, replace(MARIA, password=JOAO.password)).token


def test_the_password_is_not_changed_without_the_present_one(maria: SignedIn) -> None:
    refused = maria.call("POST", "/me/password", new_password("errada-errada", JOAO.password))

    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"current_password"}
    assert log_in(maria.client, MARIA).token


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (new_password(MARIA.password, "curta"), "password"),
        (
            new_password(MARIA.password, JOAO.password) | {"confirm_password": "x"},
            "confirm_password",
        ),
        ({"password": JOAO.password, "confirm_password": JOAO.password}, "current_password"),
    ],
)
def test_a_bad_new_password_is_refused_by_name(
    maria: SignedIn, body: dict[str, str], field: str
) -> None:
    refused = maria.call("POST", "/me/password", body)

    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {field}


def test_an_erased_account_leaves_nothing_behind(maria: SignedIn, database: Mongo) -> None:
    sign_up(maria.client, ESTELA)

    erased = maria.call("DELETE", "/me")

    assert erased.status_code == 200
    assert maria.renew().status_code == 401
    assert maria.call("GET", "/me").status_code == 401
    assert maria.client.post("/auth", json=MARIA.log_in()).status_code == 401
    assert [row["email"] for row in database["accounts"].find()] == [ESTELA.email]
    assert MARIA.email not in str(
        [list(database[n].find()) for n in database.list_collection_names()]
    )


def test_after_erasing_one_may_sign_up_again(maria: SignedIn) -> None:
    maria.call("DELETE", "/me")

    assert sign_up(maria.client, MARIA)["id"] != maria.id


def test_a_deactivated_account_sees_nothing_from_that_moment(
    client: Client, maria: SignedIn, joao: SignedIn
) -> None:
    joao.call("DELETE", f"/admin/users/{maria.id}")

    for method, path, body in (
        ("GET", "/me", None),
        ("PATCH", "/me", {"full_name": "Outra"}),
        ("DELETE", "/me", None),
        ("POST", "/me/password", new_password(MARIA.password, JOAO.password)),
    ):
        assert maria.call(method, path, body).status_code == 401
