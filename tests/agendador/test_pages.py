"""What the API says to a page that a person sends for a job."""

import base64
import io
import threading
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine, text

from agendador import limits
from core import official_page
from core.ledger.models import Status
from core.ledger.transitions import work
from core.ledger.transitions.work import Outcome
from tests.agendador.conftest import Caller, Users
from tests.agendador.ledgers import WORKER, count, job, start
from tests.people import MARIA

PAGE = "<!DOCTYPE html><html><body>Situação cadastral</body></html>".encode("cp1252")


@pytest.fixture
def waiting(maria: Caller, ledger: Engine) -> int:
    """Give a job of Maria's that ended in a captcha."""
    return end_in(ledger, maria, "captcha")


def end_in(ledger: Engine, owner: Caller, code: str) -> int:
    job_id: int = owner.post("/jobs", json=job()).json["data"]["id"]
    run_id = start(ledger, job_id)
    with ledger.begin() as connection:
        outcome = Outcome(run_id, 1, Status.ERROR, error_code=code)
        assert work.settle(connection, [outcome], WORKER)
    return job_id


def send(who: Caller, job_id: int, content: bytes = PAGE) -> Any:
    return who.post(f"/job/{job_id}/page", data=content, content_type="text/html")


def test_a_page_is_taken_as_the_body(maria: Caller, waiting: int, ledger: Engine) -> None:
    answer = send(maria, waiting)

    assert answer.status_code == answer.json["status"] == 202
    assert answer.json["data"]["status"] == "created"
    with ledger.connect() as connection:
        kept = connection.execute(text("SELECT content FROM uploaded_page")).scalar_one()
    assert bytes(kept) == PAGE
    runs = maria.get(f"/job/{waiting}/runs").json["data"]
    assert [(run["status"], run["uploaded"]) for run in runs] == [
        ("created", True),
        ("error", False),
    ]


def test_a_page_is_taken_as_a_forms_file(maria: Caller, waiting: int, ledger: Engine) -> None:
    form = {"file": (io.BytesIO(PAGE), "Comprovante.html")}
    answer = maria.post(f"/job/{waiting}/page", data=form, content_type="multipart/form-data")

    assert answer.status_code == 202
    assert count(ledger, "uploaded_page") == 1


@pytest.mark.parametrize(
    "content",
    [
        PAGE.decode("cp1252").encode("utf-16"),
        b"From: <Saved by Blink>\r\nMIME-Version: 1.0\r\n\r\n" + base64.b64encode(PAGE),
    ],
    ids=["utf-16", "in a single file"],
)
def test_a_page_may_be_saved_in_other_ways(maria: Caller, waiting: int, content: bytes) -> None:
    assert send(maria, waiting, content).status_code == 202


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "está vazio"),
        (b" \n\0", "está vazio"),
        (b"%PDF-1.7\n<html>", "PDF"),
        (b"PK\x03\x04" + bytes(range(256)), "não é uma página HTML"),
        (b'{"cnpj": "00000000000191"}', "não é uma página HTML"),
    ],
    ids=["nothing", "blank", "pdf", "zip", "json"],
)
def test_what_is_no_page_is_refused_by_what_it_is(
    maria: Caller, waiting: int, ledger: Engine, content: bytes, said: str
) -> None:
    answer = send(maria, waiting, content)

    assert answer.status_code == 422
    assert said in answer.json["errors"]["file"][0]
    assert count(ledger, "uploaded_page") == 0


def test_a_form_without_the_file_is_refused(maria: Caller, waiting: int) -> None:
    form = {"page": (io.BytesIO(PAGE), "Comprovante.html")}
    answer = maria.post(f"/job/{waiting}/page", data=form, content_type="multipart/form-data")

    assert (answer.status_code, list(answer.json["errors"])) == (422, ["file"])


@pytest.mark.parametrize("more", [1, 100_000])
def test_a_page_that_is_larger_than_any_is_refused(
    maria: Caller, waiting: int, ledger: Engine, more: int
) -> None:
    largest = PAGE.ljust(official_page.MAX_BYTES)

    assert send(maria, waiting, largest + b" " * more).status_code == 413
    assert count(ledger, "uploaded_page") == 0
    assert send(maria, waiting, largest).status_code == 202


def test_a_job_that_waits_for_nobody_takes_none(maria: Caller, ledger: Engine) -> None:
    scheduled = maria.post("/jobs", json=job()).json["data"]["id"]
    for job_id in (scheduled, end_in(ledger, maria, "unavailable")):
        assert send(maria, job_id).status_code == 409
    assert count(ledger, "uploaded_page") == 0


def test_the_same_page_twice_is_one_and_another_meanwhile_is_refused(
    maria: Caller, waiting: int, ledger: Engine
) -> None:
    assert [send(maria, waiting).status_code for _ in "12"] == [202, 202]
    assert send(maria, waiting, PAGE + b"!").status_code == 409
    assert (count(ledger, "uploaded_page"), count(ledger, "run")) == (1, 2)


def test_pages_sent_at_once_make_one_run(
    app: APIFlask, users: Users, waiting: int, ledger: Engine
) -> None:
    def sent() -> None:
        statuses.append(send(Caller(app.test_client(), token), waiting).status_code)

    statuses: list[int] = []
    token = users.token(MARIA)
    threads = [threading.Thread(target=sent) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [202] * 4
    assert count(ledger, "run") == 2


def test_nobody_gives_a_page_for_a_job_of_another(
    maria: Caller, joao: Caller, waiting: int, ledger: Engine
) -> None:
    assert send(joao, waiting).status_code == 404
    assert send(joao, waiting, b"junk").status_code == 404
    assert count(ledger, "uploaded_page") == 0
    assert joao.get("/jobs/waiting").json["data"] == []
    assert [one["id"] for one in maria.get("/jobs/waiting").json["data"]] == [waiting]


def test_only_so_many_pages_may_wait_to_be_read(
    maria: Caller, ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_UNREAD_PAGES", 1)
    first, second = (end_in(ledger, maria, "captcha") for _ in "12")

    assert [send(maria, one).status_code for one in (first, second)] == [202, 429]
    assert count(ledger, "uploaded_page") == 1
