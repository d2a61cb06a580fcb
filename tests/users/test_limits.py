import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from devstack.ports import LOOPBACK, free
from devstack.process import Program
from devstack.servers import ROOT, require_answer
from tests.clients import Broker
from tests.people import ESTELA, JOAO, MARIA, cpf
from tests.users.conftest import Client, MakeApp, SignedIn, log_in, sign_up

WRONG = {"password": "errada-errada"}


def statuses(answers: list[Any]) -> list[int]:
    return [answer.status_code for answer in answers]


def try_log_in(client: Client, email: str, times: int, **how: Any) -> list[int]:
    body = {"email": email, **WRONG}
    return statuses([client.post("/auth", json=body, **how) for _ in range(times)])


def test_after_too_many_wrong_passwords_an_account_waits(maria: SignedIn) -> None:
    assert try_log_in(maria.client, MARIA.email, 10) == [401] * 10

    limited = maria.client.post("/auth", json=MARIA.log_in())

    assert limited.status_code == 429
    assert 1 <= int(limited.headers["Retry-After"]) <= 901
    assert limited.json == {
        "status": 429, "resource": "auth", "message": "Muitas tentativas.", "data": None
    }  # fmt: skip


def test_other_accounts_do_not_wait_with_it(maria: SignedIn) -> None:
    sign_up(maria.client, ESTELA)
    try_log_in(maria.client, MARIA.email, 11)

    assert log_in(maria.client, ESTELA).token


def test_an_unknown_account_is_limited_like_a_known_one(client: Client) -> None:
    assert try_log_in(client, ESTELA.email, 11) == [401] * 10 + [429]


def test_neither_case_nor_the_other_door_evades_the_limit(maria: SignedIn) -> None:
    try_log_in(maria.client, MARIA.email.upper(), 5)
    for _ in range(5):
        maria.client.post("/auth/admin", json={"email": f" {MARIA.email}", **WRONG})

    assert maria.client.post("/auth", json=MARIA.log_in()).status_code == 429


def test_right_passwords_and_malformed_requests_do_not_count(maria: SignedIn) -> None:
    for _ in range(15):
        assert maria.client.post("/auth", json={"email": MARIA.email}).status_code == 422
        log_in(maria.client, MARIA)


def test_an_address_waits_after_trying_many_accounts(make_app: MakeApp) -> None:
    client = make_app(RATE_LOG_IN_ADDRESS="3 per minute").test_client()
    emails = [f"pessoa-{n}@empresa.example" for n in range(4)]

    found = [try_log_in(client, email, 1)[0] for email in emails]

    assert found == [401, 401, 401, 429]


@pytest.mark.parametrize("header", ["203.0.113.9", "203.0.113.9, 198.51.100.7", "x", ""])
def test_who_is_no_trusted_proxy_cannot_choose_an_address(make_app: MakeApp, header: str) -> None:
    client = make_app(RATE_LOG_IN_ADDRESS="2 per minute").test_client()

    found = [
        try_log_in(client, f"{n}@empresa.example", 1, headers={"X-Forwarded-For": f"{n}{header}"})
        for n in range(3)
    ]

    assert found == [[401], [401], [429]]


@pytest.mark.parametrize(
    ("addresses", "last"),
    [
        (["203.0.113.1", "203.0.113.2", "203.0.113.3"], 401),
        (["203.0.113.1", "203.0.113.1", "203.0.113.1"], 429),
        (["9.9.9.1, 203.0.113.1", "9.9.9.2, 203.0.113.1", "9.9.9.3, 203.0.113.1"], 429),
        (["203.0.113.1, 127.0.0.1", "203.0.113.2, 127.0.0.1", "203.0.113.3, 127.0.0.1"], 401),
        (["2001:db8::1", "2001:db8::2", "2001:db8::ffff"], 429),
        (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"], 401),
        (["::ffff:203.0.113.1", "::ffff:203.0.113.2", "::ffff:203.0.113.3"], 401),
        (["x", "y", "z"], 429),
    ],
)
def test_a_trusted_proxy_tells_who_asks(make_app: MakeApp, addresses: list[str], last: int) -> None:
    client = make_app(
        RATE_LOG_IN_ADDRESS="2 per minute", TRUSTED_PROXIES="10.0.0.0/8, 127.0.0.0/8"
    ).test_client()

    found = [
        try_log_in(client, f"{n}@empresa.example", 1, headers={"X-Forwarded-For": address})[0]
        for n, address in enumerate(addresses)
    ]

    assert found == [401, 401, last]


def test_processes_count_together(
    environment: dict[str, str], maria: SignedIn, broker: Broker, tmp_path: Path
) -> None:
    addresses = [f"{LOOPBACK}:{port}" for port in free(2)]
    processes = [
        Program(
            name=f"users-{number}",
            command=(
                sys.executable, "-m", "gunicorn", "-c", "core/gunicorn.py",
                "users.app:create_app()", "-b", address,
            ),
            home=tmp_path,
            env={**os.environ, **environment, "BROKER_URL": broker.url},
            cwd=ROOT,
            ready=partial(require_answer, f"http://{address}/readyz"),
        )
        for number, address in enumerate(addresses)
    ]  # fmt: skip

    def log_in_at(address: str, **credentials: str) -> int:
        body = MARIA.log_in() | credentials
        return requests.post(f"http://{address}/auth", json=body, timeout=10).status_code

    try:
        for process in processes:
            process.start()
        tries = [log_in_at(addresses[n % 2], **WRONG) for n in range(10)]
        afterwards = [log_in_at(address) for address in addresses]
    finally:
        for process in processes:
            process.stop()

    assert tries == [401] * 10
    assert afterwards == [429, 429]


def test_an_address_makes_so_many_accounts_and_no_more(make_app: MakeApp) -> None:
    client = make_app(RATE_SIGN_UP="2 per hour").test_client()
    assert client.post("/users", json={}).status_code == 422
    sign_up(client, MARIA)
    assert client.post("/users", json=MARIA.sign_up()).status_code == 422

    limited = client.post("/users", json=JOAO.sign_up())

    assert limited.status_code == 429
    assert int(limited.headers["Retry-After"]) > 3_000


def test_nobody_is_flooded_with_links(client: Client) -> None:
    answers = [client.post("/auth/forgot", json={"email": MARIA.email}) for _ in range(6)]
    other = client.post("/auth/forgot", json={"email": ESTELA.email})

    assert statuses(answers) == [200] * 5 + [429]
    assert other.status_code == 200


def test_an_address_asks_for_so_many_links_and_no_more(make_app: MakeApp) -> None:
    client = make_app(RATE_FORGOT_ADDRESS="2 per hour").test_client()
    emails = [f"pessoa-{n}@empresa.example" for n in range(3)]

    assert statuses([client.post("/auth/forgot", json={"email": e}) for e in emails]) == [
        200, 200, 429
    ]  # fmt: skip


def test_a_stolen_token_does_not_try_passwords_for_ever(maria: SignedIn) -> None:
    body = {"current_password": "errada-errada", "email": "ladra@outra.example"}

    answers = [maria.call("PATCH", "/me", body) for _ in range(5)]
    answers += [
        maria.call(
            "POST",
            "/me/password",
            {**body, "password": JOAO.password, "confirm_password": JOAO.password},
        )
        for _ in range(6)
    ]

    assert statuses(answers) == [422] * 10 + [429]
    assert log_in(maria.client, MARIA).token


def test_links_are_not_guessed_for_ever(make_app: MakeApp) -> None:
    client = make_app(RATE_LOG_IN_ADDRESS="2 per minute").test_client()
    body = {"token": "x", "password": MARIA.password, "confirm_password": MARIA.password}

    assert statuses([client.post("/auth/reset", json=body) for _ in range(3)]) == [422, 422, 429]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE_SIGN_UP", "many"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("MAIL_FROM", "nobody"),
        ("MONGO_URL", "http://127.0.0.1/"),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name(
    make_app: MakeApp, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    with pytest.raises(SystemExit):
        make_app(**{name: value})

    assert capsys.readouterr().err.startswith(f"setting {name}: ")


def test_who_changes_their_account_often_is_not_limited(maria: SignedIn) -> None:
    for number in range(15):
        changed = maria.call("PATCH", "/me", {"cpf_cnpj": cpf(700_000_001 + number)})
        assert changed.status_code == 200
    assert replace(maria).renew().status_code == 200
