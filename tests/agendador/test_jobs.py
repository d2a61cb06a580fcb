import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from apiflask import APIFlask
from sqlalchemy import Engine
from sqlalchemy.exc import DatabaseError

from core.clock import SAO_PAULO
from devstack.process import Program
from tests.agendador.conftest import NOWHERE, Caller, Users
from tests.agendador.ledgers import count, finish, job, messages, queue, start
from tests.clients import Broker
from tests.people import MARIA, alphanumeric_cnpj, cnpj, cpf

JSON = "application/json"
JOB_FIELDS = {
    "id", "title", "description", "cpf_cnpj", "date", "priority", "status", "recurrence",
    "creator_id", "creator_email", "created", "updated", "next_run_at",
    "paused",
}  # fmt: skip


def made(caller: Caller, **changes: Any) -> dict[str, Any]:
    answer = caller.post("/jobs", json=job(**changes))
    assert answer.status_code == 201, answer.json
    data: dict[str, Any] = answer.json["data"]
    return data


def test_a_job_is_made_and_read_as_it_was_asked_for(maria: Caller) -> None:
    answer = maria.post("/jobs", json=job(cpf_cnpj="11.222.333/0001-81", priority=5))
    read = maria.get(f"/job/{answer.json['data']['id']}")

    assert answer.json["status"] == answer.status_code == 201
    assert answer.headers["X-Request-ID"]
    assert read.json["data"] == answer.json["data"]
    assert set(read.json["data"]) == JOB_FIELDS
    assert read.json["data"] == answer.json["data"] | {
        "title": "Fornecedor de café",
        "cpf_cnpj": "11222333000181",
        "date": "2031-03-01T12:00:00+00:00",
        "next_run_at": "2031-03-01T12:00:00+00:00",
        "priority": 5,
        "status": "created",
        "creator_email": MARIA.email,
    }


def test_only_title_cnpj_and_date_are_required(maria: Caller) -> None:
    body = {name: job()[name] for name in ("title", "cpf_cnpj", "date")}
    answer = maria.post("/jobs", json=body)

    assert answer.json["data"]["priority"] == 0
    assert answer.json["data"]["description"] == ""


def test_what_only_the_system_may_set_is_ignored_in_a_payload(maria: Caller) -> None:
    forged = {"id": 7, "status": "processed", "creator_id": "x", "creator_email": "x@y.z"}
    data = made(maria, **forged, next_run_at="2020-01-01", created="2020-01-01")

    assert data["status"] == "created"
    assert data["creator_email"] == MARIA.email
    assert data["creator_id"] != "x"
    assert data["created"] > "2026"


DATES = {
    "2031-03-01T09:00:00": "2031-03-01T12:00:00+00:00",
    "2031-03-01T09:00": "2031-03-01T12:00:00+00:00",
    "2031-03-01 09:00:00": "2031-03-01T12:00:00+00:00",
    "2031-03-01": "2031-03-01T03:00:00+00:00",
    "2031-03-01T09:00:00Z": "2031-03-01T09:00:00+00:00",
    "2031-03-01T09:00:00.250-05:00": "2031-03-01T14:00:00.250000+00:00",
}


def test_a_date_without_zone_is_sao_paulo_time(maria: Caller) -> None:
    assert {typed: made(maria, date=typed)["date"] for typed in DATES} == DATES


def test_a_moment_ago_is_a_date_and_the_job_is_due_now(maria: Caller) -> None:
    date = datetime.now(SAO_PAULO) - timedelta(hours=23)
    data = made(maria, date=date.isoformat())

    assert data["date"] == date.astimezone(UTC).isoformat()
    assert data["next_run_at"] > data["date"]


CNPJS = {
    cnpj(12): cnpj(12),
    "11.222.333/0001-81": "11222333000181",
    alphanumeric_cnpj(7).lower(): alphanumeric_cnpj(7),
}


def test_a_cnpj_is_stored_as_14_upper_case_characters(maria: Caller) -> None:
    assert {typed: made(maria, cpf_cnpj=typed)["cpf_cnpj"] for typed in CNPJS} == CNPJS


BAD_VALUES: dict[str, list[Any]] = {
    "title": [
        "", "   ", "x" * 201, "duas\nlinhas", "nulo\x00", "separador\u2028de linha", "\ud800",
        7, None, ["x"],
    ],
    "description": ["x" * 5001, "\x00", "\x1b[31m", None, {}],
    "cpf_cnpj": [
        "", "11222333000182", "1122233300018", "' OR 1=1 --", 11222333000181, None, cpf(111),
    ],
    "date": [
        "", "amanhã", "01/03/2031", "2031-02-30T10:00", "20310301", 1_930_000_000, 1.5, True, None,
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2020-01-01",
    ],
    "priority": [-1, 6, 1.5, 3.0, "alta", "33", True, None, 10**30],
}  # fmt: skip


@pytest.mark.parametrize("field", BAD_VALUES)
def test_bad_values_are_refused_by_their_field_and_each_reported_once(
    maria: Caller, ledger: Engine, declared_broker: Broker, field: str
) -> None:
    answers = [
        maria.post("/jobs", data=json.dumps(job(**{field: value})), content_type=JSON)
        for value in BAD_VALUES[field]
    ]
    events = messages(declared_broker, "payload_error", at_least=len(answers))

    for answer, event in zip(answers, events, strict=True):
        assert answer.status_code == answer.json["status"] == 422
        assert list(answer.json["errors"]) == [field]
        assert all(message.endswith(".") for message in answer.json["errors"][field])
        assert event["errors"] == answer.json["errors"]
        assert event["creator_email"] == MARIA.email
        assert event["request_id"] == answer.headers["X-Request-ID"]
    assert count(ledger, "job") == 0


@pytest.mark.parametrize("field", ["title", "cpf_cnpj", "date"])
def test_a_missing_field_is_named(maria: Caller, ledger: Engine, field: str) -> None:
    body = job()
    del body[field]
    answer = maria.post("/jobs", json=body)

    assert answer.json["errors"] == {field: ["Campo obrigatório."]}
    assert count(ledger, "job") == 0


REFUSALS = [
    ("cpf_cnpj", cpf(111_444_777), "CPF"),
    ("cpf_cnpj", "11222333000182", "dígitos verificadores"),
    ("date", "2020-01-01", "já passou"),
    ("date", "2050-01-01", "10 anos"),
    ("priority", 6, "no máximo 5"),
    ("title", "x" * 201, "no máximo 200"),
]


def test_a_refusal_says_what_is_wrong(maria: Caller) -> None:
    for field, value, says in REFUSALS:
        answer = maria.post("/jobs", json=job(**{field: value}))

        assert says in answer.json["errors"][field][0]


def test_a_priority_may_be_typed_as_a_digit(maria: Caller) -> None:
    assert made(maria, priority="4")["priority"] == 4


@pytest.mark.parametrize("body", ["[]", '"texto"', "7", "[" * 50_000])
def test_a_body_that_is_no_object_is_refused(maria: Caller, body: str) -> None:
    answer = maria.post("/jobs", data=body, content_type=JSON)

    assert answer.status_code in {400, 422}
    assert answer.json["status"] == answer.status_code


def test_a_body_that_is_no_json_is_a_bad_request(maria: Caller, ledger: Engine) -> None:
    answer = maria.post("/jobs", data='{"title":', content_type=JSON)

    assert answer.status_code == answer.json["status"] == 400
    assert count(ledger, "job") == 0


def test_a_body_of_megabytes_is_refused(maria: Caller) -> None:
    assert maria.post("/jobs", json=job(description="x" * 2_000_000)).status_code == 413


def test_an_event_of_a_refused_payload_holds_no_secret_and_is_bounded(
    maria: Caller, declared_broker: Broker
) -> None:
    secrets = {"password": "segredo-1", "token": "segredo-2", "cookie": "segredo-3"}
    maria.post("/jobs", json=job(description="x" * 90_000, **secrets))
    (event,) = messages(declared_broker, "payload_error")

    assert "segredo" not in str(event)
    assert "Bearer" not in str(event)
    assert event["payload"]["title"] == "Fornecedor de café"
    assert len(str(event)) < 5_000


def test_jobs_are_listed_by_pages_newest_first(maria: Caller) -> None:
    ids = [made(maria)["id"] for _ in range(5)]
    first = maria.get("/jobs?page=1&per_page=2").json["data"]
    last = maria.get("/jobs?page=3&per_page=2").json["data"]

    assert [item["id"] for item in first.pop("items")] == [ids[4], ids[3]]
    assert first == {
        "page": 1, "per_page": 2, "total": 5,
        "has_next": True, "has_prev": False, "next_num": 2, "prev_num": None,
        "total_is_exact": True, "next_cursor": first["next_cursor"],
    }  # fmt: skip
    assert [item["id"] for item in last.pop("items")] == [ids[0]]
    assert last == {
        "page": 3, "per_page": 2, "total": 5,
        "has_next": False, "has_prev": True, "next_num": None, "prev_num": 2,
        "total_is_exact": True, "next_cursor": None,
    }  # fmt: skip


def test_a_page_beyond_the_last_is_empty(maria: Caller) -> None:
    data = maria.get("/jobs?page=99").json["data"]

    assert data["items"] == []
    assert data["total"] == 0
    assert data["has_next"] is False


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "page=99999999999999999999", "per_page=0",
              "per_page=101"],
)  # fmt: skip
def test_a_bad_page_is_refused_and_is_no_payload_event(
    maria: Caller, declared_broker: Broker, query: str
) -> None:
    answer = maria.get(f"/jobs?{query}")

    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [query.partition("=")[0]]
    assert messages(declared_broker, "payload_error", at_least=0) == []


CALLS = [
    ("get", ""), ("put", ""), ("patch", ""), ("delete", ""), ("post", "/cancel"), ("get", "/runs"),
]  # fmt: skip


def test_a_job_of_somebody_else_is_not_found(maria: Caller, joao: Caller) -> None:
    before = made(maria)
    for method, path in CALLS:
        answer = getattr(joao, method)(f"/job/{before['id']}{path}", json=job(title="Minha"))

        assert answer.status_code == answer.json["status"] == 404
    assert maria.get(f"/job/{before['id']}").json["data"] == before
    assert joao.get("/jobs").json["data"]["total"] == 0


@pytest.mark.parametrize("job_id", ["0", "99", "9223372036854775808", "9" * 400, "-1", "x", "1.5"])
def test_an_id_that_no_job_has_is_not_found(maria: Caller, job_id: str) -> None:
    for method, path in CALLS:
        answer = getattr(maria, method)(f"/job/{job_id}{path}", json=job())

        assert answer.status_code == answer.json["status"] == 404


def test_put_changes_every_field_and_patch_only_those_sent(maria: Caller) -> None:
    job_id = made(maria)["id"]
    patched = maria.patch(f"/job/{job_id}", json={"priority": 1}).json["data"]
    body = {"title": "Outro", "cpf_cnpj": cnpj(2), "date": "2031-04-01T09:00:00Z"}
    put = maria.put(f"/job/{job_id}", json=body).json["data"]

    assert patched["priority"] == 1
    assert patched["title"] == "Fornecedor de café"
    assert put["title"] == "Outro"
    assert put["description"] == ""
    assert put["priority"] == 0
    assert put["next_run_at"] == put["date"] == "2031-04-01T09:00:00+00:00"
    assert put["updated"] > put["created"]


def test_a_bad_value_in_an_edit_changes_nothing_and_is_reported(
    maria: Caller, declared_broker: Broker
) -> None:
    before = made(maria)
    answer = maria.patch(f"/job/{before['id']}", json={"title": "Novo", "priority": 9})

    assert list(answer.json["errors"]) == ["priority"]
    assert maria.get(f"/job/{before['id']}").json["data"] == before
    assert len(messages(declared_broker, "payload_error")) == 1


def test_a_queued_job_can_be_moved_to_later(maria: Caller, ledger: Engine) -> None:
    job_id = made(maria)["id"]
    queue(ledger, job_id)
    assert maria.get(f"/job/{job_id}").json["data"]["status"] == "queued"

    data = maria.patch(f"/job/{job_id}", json={"date": "2032-01-01"}).json["data"]

    assert data["status"] == "created"
    assert data["next_run_at"] == "2032-01-01T03:00:00+00:00"
    assert maria.get(f"/job/{job_id}/runs").json["data"] == []


@pytest.mark.parametrize("bring_to", [start, finish])
def test_a_job_that_has_started_cannot_be_edited(
    maria: Caller, ledger: Engine, bring_to: Callable[[Engine, int], object]
) -> None:
    job_id = made(maria)["id"]
    bring_to(ledger, job_id)
    before = maria.get(f"/job/{job_id}").json["data"]

    answer = maria.patch(f"/job/{job_id}", json={"title": "Tarde demais"})

    assert answer.status_code == answer.json["status"] == 409
    assert "já começou" in answer.json["message"]
    assert maria.get(f"/job/{job_id}").json["data"] == before


@pytest.mark.parametrize("bring_to", [lambda *_: None, queue, start])
def test_a_job_is_cancelled_until_it_has_ended(
    maria: Caller, ledger: Engine, bring_to: Callable[[Engine, int], object]
) -> None:
    job_id = made(maria)["id"]
    bring_to(ledger, job_id)

    data = maria.post(f"/job/{job_id}/cancel").json["data"]
    again = maria.post(f"/job/{job_id}/cancel")

    assert data["status"] == "cancelled"
    assert data["next_run_at"] is None
    assert again.status_code == 409
    assert "já terminou" in again.json["message"]


def test_a_deleted_job_is_gone_with_what_it_brought(maria: Caller, ledger: Engine) -> None:
    job_id = made(maria)["id"]
    finish(ledger, job_id)

    assert maria.delete(f"/job/{job_id}").status_code == 200
    assert maria.get(f"/job/{job_id}").status_code == 404
    assert maria.delete(f"/job/{job_id}").status_code == 404
    assert [count(ledger, table) for table in ("job", "run", "result")] == [0, 0, 0]


def test_deleting_a_running_job_cancels_it(maria: Caller, ledger: Engine) -> None:
    job_id = made(maria)["id"]
    start(ledger, job_id)

    answer = maria.delete(f"/job/{job_id}")

    assert answer.json["data"]["status"] == "cancelled"
    assert "cancelada" in answer.json["message"]


def test_the_history_tells_of_each_occurrence(maria: Caller, ledger: Engine) -> None:
    job_id = made(maria)["id"]
    run_id = finish(ledger, job_id)
    (run,) = maria.get(f"/job/{job_id}/runs").json["data"]

    assert set(run) == {
        "id", "scheduled_for", "status", "attempt", "source", "error_code", "error_detail",
        "next_attempt_at", "queued_at", "started_at", "finished_at", "duration_ms", "uploaded",
    }  # fmt: skip
    assert run["id"] == str(run_id)
    assert run["status"] == "processed"
    assert run["attempt"] == 1
    assert run["duration_ms"] >= 0
    assert run["queued_at"] <= run["started_at"] <= run["finished_at"]


def test_the_same_idempotency_key_makes_one_job(
    maria: Caller, joao: Caller, ledger: Engine
) -> None:
    headers = {"Idempotency-Key": "pedido-1"}
    first, second = (maria.post("/jobs", json=job(), headers=headers) for _ in range(2))
    joao.post("/jobs", json=job(), headers=headers)

    assert first.status_code == second.status_code == 201
    assert first.json["data"] == second.json["data"]
    assert count(ledger, "job") == 2


@pytest.mark.parametrize(
    "other", [{"title": "Outra"}, {"date": "2032-03-01T09:00:00"}, {"recurrence": "FREQ=DAILY"}]
)
def test_an_idempotency_key_of_another_request_is_refused(
    maria: Caller, ledger: Engine, other: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "pedido-1"}
    assert maria.post("/jobs", json=job(), headers=headers).status_code == 201

    refused = maria.post("/jobs", json=job(**other), headers=headers)
    assert refused.status_code == 409
    assert "Idempotency-Key" in refused.json["message"]
    assert count(ledger, "job") == 1


def test_a_request_is_the_same_although_its_job_was_changed_since(maria: Caller) -> None:
    headers = {"Idempotency-Key": "pedido-1"}
    made = maria.post("/jobs", json=job(), headers=headers).json["data"]
    maria.patch(f"/job/{made['id']}", json={"title": "Outra"})

    again = maria.post("/jobs", json=job(), headers=headers)
    assert (again.status_code, again.json["data"]["id"]) == (201, made["id"])


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_a_bad_idempotency_key_is_refused(maria: Caller, ledger: Engine, key: str) -> None:
    answer = maria.post("/jobs", json=job(), headers={"Idempotency-Key": key})

    assert list(answer.json["errors"]) == ["idempotency_key"]
    assert count(ledger, "job") == 0


def test_jobs_are_taken_at_once_while_the_broker_is_down(
    make_app: Callable[..., APIFlask], users: Users
) -> None:
    app = make_app(BROKER_URL=f"amqp://guest:guest@{NOWHERE}/")
    maria = Caller(app.test_client(), users.token(MARIA))
    began = datetime.now(UTC)

    assert maria.post("/jobs", json=job()).status_code == 201
    assert maria.post("/jobs", json=job(priority=9)).status_code == 422
    assert datetime.now(UTC) - began < timedelta(seconds=2)


def test_a_job_is_said_to_be_kept_only_if_the_broker_has_it(
    make_app: Callable[..., APIFlask], users: Users
) -> None:
    app = make_app(
        BROKER_URL=f"amqp://guest:guest@{NOWHERE}/",
        DATABASE_URL=f"postgresql+psycopg2://nobody@{NOWHERE}/none",
    )
    answer = Caller(app.test_client(), users.token(MARIA)).post("/jobs", json=job())

    assert answer.status_code == 503
    assert "não foi guardado: tente de novo" in answer.json["message"]


@pytest.mark.parametrize(("lost", "status"), [(True, 503), (False, 500)])
def test_a_server_that_dies_is_a_database_that_is_away(
    app: APIFlask, *, lost: bool, status: int
) -> None:
    @app.get("/dies")
    def dies() -> str:
        cause = psycopg2.DatabaseError("no message from the libpq")
        raise DatabaseError("SELECT 1", {}, cause, connection_invalidated=lost)

    app.testing = False
    assert app.test_client().get("/dies").status_code == status


def test_a_job_that_the_database_could_not_take_is_kept(
    maria: Caller, declared_broker: Broker, programs: dict[str, Program]
) -> None:
    maria.get("/jobs")
    programs["postgres"].stop()

    answer = maria.post("/jobs", json=job())
    reads = [maria.get(path) for path in ("/jobs", "/job/1", "/results")]

    assert answer.status_code == answer.json["status"] == 503
    assert "guardado" in answer.json["message"]
    assert [read.status_code for read in reads] == [503] * 3
    (event,) = messages(declared_broker, "database_error")
    kept = event["job"]
    assert kept["idempotency_key"] == answer.headers["Idempotency-Key"]
    assert kept["date"] == "2031-03-01T12:00:00+00:00"
    assert kept["creator_email"] == MARIA.email
    assert not re.search(r"Bearer|eyJ", str(event))
