import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from pymongo.database import Database

from tests.people import ESTELA, JOAO, MARIA, alphanumeric_cnpj
from tests.users.conftest import Client, MakeApp, SignedIn, log_in, sign_up

Mongo = Database[dict[str, Any]]


def test_an_account_is_made_and_answered_without_its_password(client: Client) -> None:
    response = client.post("/users", json=MARIA.sign_up())

    assert response.status_code == 201
    assert response.json["status"] == 201
    assert response.json["resource"] == "users"
    account = response.json["data"]
    assert account.pop("id")
    assert account.pop("created").endswith("+00:00")
    assert set(account.pop("address").values()) == {""}
    assert account == {
        "full_name": MARIA.full_name,
        "email": MARIA.email,
        "cpf_cnpj": MARIA.cpf_cnpj,
        "date_of_birth": MARIA.date_of_birth,
        "group": "users",
        "active": True,
    }
    assert MARIA.password not in response.text


def test_the_password_is_stored_as_argon2id_only(client: Client, database: Mongo) -> None:
    sign_up(client, MARIA)

    stored = database["accounts"].find_one({"email": MARIA.email})

    assert stored is not None
    assert stored["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert MARIA.password not in str(stored)


def test_what_people_type_is_stored_in_one_form(client: Client) -> None:
    cnpj = alphanumeric_cnpj(7)
    typed = replace(
        MARIA,
        full_name="  Maria da Conceição  ",
        email=" Maria@EMPRESA.example ",
        cpf_cnpj=f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}".lower(),
    )

    account = sign_up(client, typed)

    assert account["full_name"] == "Maria da Conceição"
    assert account["email"] == "maria@empresa.example"
    assert account["cpf_cnpj"] == cnpj


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("full_name", None),
        ("full_name", "M"),
        ("full_name", "   "),
        ("full_name", "x" * 121),
        ("full_name", "Maria\x00"),
        ("full_name", "Maria\nBcc: todos"),
        ("full_name", 7),
        ("full_name", ["Maria"]),
        ("email", None),
        ("email", "maria"),
        ("email", "maria@"),
        ("email", "maria@empresa"),
        ("email", "Maria <maria@empresa.example>"),
        ("email", "maria@empresa.example\r\nBcc: todos@empresa.example"),
        ("email", "josé@empresa.example"),
        ("email", "m" * 250 + "@empresa.example"),
        ("email", {"$ne": None}),
        ("cpf_cnpj", None),
        ("cpf_cnpj", ""),
        ("cpf_cnpj", "11144477734"),
        ("cpf_cnpj", "11222333000182"),
        ("cpf_cnpj", "123"),
        ("cpf_cnpj", "x" * 10_000),
        ("cpf_cnpj", 11144477735),
        ("date_of_birth", None),
        ("date_of_birth", "14/03/1985"),
        ("date_of_birth", "1985-02-30"),
        ("date_of_birth", "1985-03-14T00:00:00"),
        ("date_of_birth", "1899-12-31"),
        ("date_of_birth", "2999-01-01"),
        ("date_of_birth", 479606400),
        ("password", None),
        ("password", "curta12"),
        ("password", "x" * 129),
        ("password", "com\x00nulo-dentro"),
        ("confirm_password", None),
        ("confirm_password", "outra-senha-qualquer"),
    ],
)
def test_a_bad_field_is_refused_by_name_and_nothing_is_stored(
    client: Client, database: Mongo, field: str, value: Any
) -> None:
    body: dict[str, Any] = {**MARIA.sign_up(), field: value}
    if value is None:
        del body[field]

    response = client.post("/users", json=body)

    assert response.status_code == 422
    assert set(response.json["errors"]) == {field}
    assert all(response.json["errors"][field])
    assert database["accounts"].count_documents({}) == 0


def test_half_a_surrogate_pair_is_refused(client: Client) -> None:
    body = '{"email": "a@b.example", "password": "x\\ud800"}'

    response = client.post("/auth", data=body, content_type="application/json")

    assert response.status_code == 422
    assert set(response.json["errors"]) == {"password"}


@pytest.mark.parametrize(
    ("body", "status"), [("{", 400), ("[]", 422), ("null", 400), ("[" * 100_000, 400)]
)
def test_a_body_that_is_no_object_is_refused(client: Client, body: str, status: int) -> None:
    response = client.post("/users", data=body, content_type="application/json")

    assert response.status_code == status


def test_json_is_read_whatever_it_is_called(client: Client) -> None:
    sign_up(client, MARIA)
    body = json.dumps(MARIA.log_in())

    assert client.post("/auth", data=body, content_type="text/plain").status_code == 200


def test_an_email_has_one_account_whatever_its_case(client: Client) -> None:
    sign_up(client, MARIA)

    response = client.post("/users", json=replace(JOAO, email=MARIA.email.upper()).sign_up())

    assert response.status_code == 422
    assert response.json["errors"] == {"email": ["Já existe uma conta com este e-mail."]}


def test_a_document_has_one_account(client: Client) -> None:
    sign_up(client, MARIA)

    response = client.post("/users", json=replace(JOAO, cpf_cnpj=MARIA.cpf_cnpj).sign_up())

    assert response.status_code == 422
    assert set(response.json["errors"]) == {"cpf_cnpj"}


def test_every_taken_field_is_named(client: Client) -> None:
    sign_up(client, MARIA)

    response = client.post("/users", json=MARIA.sign_up())

    assert set(response.json["errors"]) == {"email", "cpf_cnpj"}


def test_of_many_who_sign_up_at_once_with_one_email_one_gets_it(make_app: MakeApp) -> None:
    apps = [make_app() for _ in range(4)]
    barrier = threading.Barrier(len(apps))
    statuses: list[int] = []

    def sign_up_together(index: int) -> None:
        person = replace(MARIA, cpf_cnpj=alphanumeric_cnpj(index))
        barrier.wait()
        statuses.append(apps[index].test_client().post("/users", json=person.sign_up()).status_code)

    threads = [threading.Thread(target=sign_up_together, args=(i,)) for i in range(len(apps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [201, 422, 422, 422]


def test_nobody_makes_themselves_an_administrator(client: Client) -> None:
    body = MARIA.sign_up() | {"group": "admin", "active": False, "id": "1", "_id": "1"}

    account = client.post("/users", json=body).json["data"]

    assert account["group"] == "users"
    assert account["active"] is True


def test_several_people_sign_up(client: Client) -> None:
    for person in (MARIA, JOAO, ESTELA):
        sign_up(client, person)
        assert log_in(client, person).account["email"] == person.email


def test_an_accent_typed_in_two_keystrokes_is_the_same_password(client: Client) -> None:
    sign_up(client, replace(MARIA, password="coração-valente"))

    again = log_in(client, replace(MARIA, password="corac\u0327a\u0303o-valente"))

    assert isinstance(again, SignedIn)
