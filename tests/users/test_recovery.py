import re
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from core.clock import utc_now
from devstack.process import Program
from tests.clients import CaughtMail, Inbox
from tests.people import ESTELA, JOAO, MARIA
from tests.users.conftest import Client, MakeApp, SignedIn, log_in, sign_up
from tests.waiting import wait_until

Mongo = Database[dict[str, Any]]
NEW = "uma-senha-nova-em-folha"
LINK = re.compile(r"https://agendador\.example/redefinir-senha\?token=([\w-]+)")


@pytest.fixture
def client(make_app: MakeApp, inbox: Inbox) -> Client:
    return make_app(SMTP_HOST=inbox.smtp_host, SMTP_PORT=str(inbox.smtp_port)).test_client()


def forgot(client: Client, email: str) -> Any:
    return client.post("/auth/forgot", json={"email": email})


def token_of(mail: CaughtMail) -> str:
    found = LINK.search(mail.text)
    assert found, mail.text
    return found[1]


def reset(client: Client, token: str, password: str = NEW) -> Any:
    body = {"token": token, "password": password, "confirm_password": password}
    return client.post("/auth/reset", json=body)


def asked(client: Client, inbox: Inbox, email: str = MARIA.email) -> str:
    before = len(inbox.messages(email))
    assert forgot(client, email).status_code == 200
    return token_of(inbox.wait_for(before + 1, to=email)[-1])


def test_the_link_sets_another_password_and_ends_all_sessions(
    maria: SignedIn, inbox: Inbox
) -> None:
    token = asked(maria.client, inbox)

    assert reset(maria.client, token).status_code == 200

    assert maria.renew().status_code == 401
    assert maria.client.post("/auth", json=MARIA.log_in()).status_code == 401
    assert log_in(maria.client, replace(MARIA, password=NEW)).token


def test_the_mail_is_good_portuguese_for_the_right_person(maria: SignedIn, inbox: Inbox) -> None:
    forgot(maria.client, MARIA.email.upper())

    (mail,) = inbox.wait_for(1)

    assert mail.recipients == (MARIA.email,)
    assert mail.subject == "Crie uma nova senha"
    assert mail.sender == "Agendador de consultas <agendador@localhost>"
    assert mail.text.startswith(f"Olá, {MARIA.full_name}.\n\nRecebemos um pedido")
    assert "30 minutos" in mail.text
    assert LINK.search(mail.html)
    assert mail.message["Auto-Submitted"] == "auto-generated"


def test_what_people_call_themselves_is_escaped(client: Client, inbox: Inbox) -> None:
    sign_up(client, replace(MARIA, full_name="<b>Maria</b> & Cia"))
    forgot(client, MARIA.email)

    (mail,) = inbox.wait_for(1)

    assert "Olá, &lt;b&gt;Maria&lt;/b&gt; &amp; Cia." in mail.html
    assert "Olá, <b>Maria</b> & Cia." in mail.text


def test_the_answer_does_not_tell_whether_there_is_an_account(
    maria: SignedIn, inbox: Inbox, database: Mongo
) -> None:
    unknown = forgot(maria.client, ESTELA.email)
    known = forgot(maria.client, MARIA.email)

    assert unknown.status_code == known.status_code == 200
    assert unknown.json == known.json
    inbox.wait_for(1, to=MARIA.email)
    wait_until(lambda: database["mails"].count_documents({}) == 0)
    assert inbox.messages(ESTELA.email) == []


def test_a_deactivated_account_gets_no_link(
    maria: SignedIn, joao: SignedIn, inbox: Inbox, database: Mongo
) -> None:
    joao.call("DELETE", f"/admin/users/{maria.id}")

    forgot(maria.client, MARIA.email)

    wait_until(lambda: database["mails"].count_documents({}) == 0)
    assert inbox.messages() == []


def test_a_link_works_once(maria: SignedIn, inbox: Inbox) -> None:
    token = asked(maria.client, inbox)
    reset(maria.client, token)

    again = reset(maria.client, token, "mais-uma-senha-nova")

    assert again.status_code == 422
    assert set(again.json["errors"]) == {"token"}
    assert log_in(maria.client, replace(MARIA, password=NEW)).token


def test_of_two_uses_of_a_link_at_once_one_works(maria: SignedIn, inbox: Inbox) -> None:
    token = asked(maria.client, inbox)
    barrier = threading.Barrier(4)
    statuses: list[int] = []

    def use() -> None:
        client = maria.client.application.test_client()
        barrier.wait()
        statuses.append(reset(client, token).status_code)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [200, 422, 422, 422]


def test_using_one_link_ends_the_others(maria: SignedIn, inbox: Inbox) -> None:
    first, second = asked(maria.client, inbox), asked(maria.client, inbox)

    assert reset(maria.client, second).status_code == 200
    assert reset(maria.client, first).status_code == 422


def test_a_link_lasts_half_an_hour(maria: SignedIn, inbox: Inbox, database: Mongo) -> None:
    token = asked(maria.client, inbox)
    links = database["reset_links"]
    stored = links.find_one({})
    assert stored is not None
    assert timedelta(minutes=29) < stored["expires_at"] - utc_now() <= timedelta(minutes=30)

    links.update_one({}, {"$set": {"expires_at": utc_now() - timedelta(seconds=1)}})

    assert reset(maria.client, token).status_code == 422


def test_a_refused_password_does_not_use_the_link_up(maria: SignedIn, inbox: Inbox) -> None:
    token = asked(maria.client, inbox)

    refused = reset(maria.client, token, "curta")

    assert set(refused.json["errors"]) == {"password"}
    assert reset(maria.client, token).status_code == 200


def test_another_email_ends_the_links_mailed_to_the_former(maria: SignedIn, inbox: Inbox) -> None:
    token = asked(maria.client, inbox)

    maria.call(
        "PATCH", "/me", {"email": "nova@empresa.example", "current_password": MARIA.password}
    )

    assert reset(maria.client, token).status_code == 422


def test_the_token_is_not_stored(maria: SignedIn, inbox: Inbox, database: Mongo) -> None:
    token = asked(maria.client, inbox)

    names = database.list_collection_names()
    assert token not in str([list(database[name].find()) for name in names])


@pytest.mark.parametrize("token", ["x", "x" * 200, "a b", "../../etc"])
def test_a_token_that_never_was_is_refused(client: Client, token: str) -> None:
    assert set(reset(client, token).json["errors"]) == {"token"}


def test_a_changed_password_is_told_by_mail(maria: SignedIn, inbox: Inbox) -> None:
    reset(maria.client, asked(maria.client, inbox))

    mail = inbox.wait_for(2, to=MARIA.email)[-1]

    assert mail.subject == "Sua senha foi trocada"


def test_a_mail_waits_for_a_mail_server_that_is_away(
    maria: SignedIn, inbox: Inbox, programs: dict[str, Program], database: Mongo
) -> None:
    programs["inbox"].stop()
    assert forgot(maria.client, MARIA.email).status_code == 200
    wait_until(lambda: database["mails"].find_one({"attempts": {"$gte": 1}}))
    programs["inbox"].start()

    (mail,) = inbox.wait_for(1, to=MARIA.email, timeout=30)

    assert reset(maria.client, token_of(mail)).status_code == 200


def test_a_mail_that_a_killed_process_left_behind_is_sent(
    maria: SignedIn, inbox: Inbox, database: Mongo
) -> None:
    past = utc_now() - timedelta(minutes=1)
    database["mails"].insert_one(
        {
            "kind": "reset",
            "email": MARIA.email,
            "full_name": "",
            "attempts": 1,
            "next_attempt_at": past,
            "expires_at": utc_now() + timedelta(minutes=5),
        }
    )

    assert token_of(inbox.wait_for(1, to=MARIA.email)[0])


def test_many_processes_send_a_mail_once(
    make_app: MakeApp, maria: SignedIn, inbox: Inbox, database: Mongo
) -> None:
    for _ in range(3):
        make_app().test_client().get("/healthz")

    for person in (MARIA, JOAO, ESTELA):
        forgot(maria.client, person.email)

    wait_until(lambda: database["mails"].count_documents({}) == 0)
    assert len(inbox.messages()) == 1
