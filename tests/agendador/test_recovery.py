import json
import uuid
from typing import Any

import pika
import pytest
from apiflask import APIFlask
from sqlalchemy import Engine

from core.broker import messages, topology
from core.clock import utc_now
from devstack.process import Program
from tests.agendador.conftest import Caller
from tests.agendador.ledgers import count, finish, job
from tests.clients import Broker
from tests.people import MARIA, cnpj


def send(broker: Broker, exchange: str, key: str, body: bytes, message_id: str | None) -> None:
    with pika.BlockingConnection(pika.URLParameters(broker.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(message_id=message_id, timestamp=1_930_000_000)
        channel.basic_publish(broker.namespace + exchange, key, body, properties, mandatory=True)


def send_event(broker: Broker, kind: str, **fields: Any) -> str:
    event_id = str(uuid.uuid4())
    body = {"event_id": event_id, "kind": kind, **fields}
    send(broker, topology.ERRORS_EXCHANGE, kind, messages.encode(body), event_id)
    return event_id


def kept_job(**changes: Any) -> dict[str, Any]:
    return {
        "title": "Guardada",
        "description": "",
        "cpf_cnpj": cnpj(1),
        "date": utc_now().isoformat(),
        "priority": 4,
        "creator_id": "0" * 24,
        "creator_email": MARIA.email,
        "recurrence": None,
        "idempotency_key": "chave",
        "request_id": "r",
    } | changes


def dead_letter(broker: Broker, body: bytes, message_id: str | None = None) -> None:
    send(broker, topology.DEAD_LETTERS_EXCHANGE, topology.JOB_CREATED_DLQ, body, message_id)


def run(app: APIFlask, *arguments: str) -> Any:
    return app.test_cli_runner().invoke(args=["errors", *arguments])


def test_a_kept_job_is_made_exactly_once(
    app: APIFlask, ledger: Engine, declared_broker: Broker
) -> None:
    first = send_event(declared_broker, "database", job=kept_job())
    again = send_event(declared_broker, "database", job=kept_job())

    assert "criada" in run(app, "replay", first).output
    assert "já tinha sido criada" in run(app, "replay", again).output
    assert run(app, "replay", first).exit_code == 1
    assert count(ledger, "job") == 1
    assert run(app, "list").output == ""


def test_a_job_that_the_database_refused_is_made_when_it_is_back(
    app: APIFlask, maria: Caller, programs: dict[str, Program]
) -> None:
    programs["postgres"].stop()
    refused = maria.post("/jobs", json=job(priority=5, recurrence="FREQ=WEEKLY;BYDAY=MO"))
    assert refused.status_code == 503
    programs["postgres"].start()

    assert run(app, "replay", "--all", "database").exit_code == 0
    # The client tries again too, with the key that it was given.
    key = {"Idempotency-Key": refused.headers["Idempotency-Key"]}
    body = job(priority=5, recurrence="FREQ=WEEKLY;BYDAY=MO")
    assert maria.post("/jobs", json=body, headers=key).status_code == 201

    (made,) = maria.get("/jobs").json["data"]["items"]
    assert made["priority"] == 5
    assert made["date"] == made["next_run_at"] == "2031-03-03T12:00:00+00:00"
    assert made["creator_email"] == MARIA.email


def test_events_are_listed_in_their_order_and_stay(app: APIFlask, declared_broker: Broker) -> None:
    ids = [send_event(declared_broker, "payload", errors={"title": ["x"]}) for _ in range(3)]

    for _ in range(2):
        lines = run(app, "list", "--kind", "payload").output.splitlines()
        assert [line.split()[0] for line in lines] == ids
    assert len(run(app, "list", "--limit", "2").output.splitlines()) == 2


def test_an_event_is_shown_and_discarded(app: APIFlask, declared_broker: Broker) -> None:
    first, second = (send_event(declared_broker, "exception", type="KeyError") for _ in range(2))

    assert json.loads(run(app, "show", second).output)["type"] == "KeyError"
    assert run(app, "discard", first).exit_code == 0
    assert run(app, "show", first).exit_code == 1
    assert [line.split()[0] for line in run(app, "list").output.splitlines()] == [second]


@pytest.mark.parametrize("kind", ["payload", "exception"])
def test_what_cannot_be_made_good_stays(app: APIFlask, declared_broker: Broker, kind: str) -> None:
    event_id = send_event(declared_broker, kind)

    assert run(app, "replay", event_id).exit_code == 1
    assert run(app, "show", event_id).exit_code == 0


@pytest.mark.parametrize(
    "broken", [{}, {"job": None}, {"job": {"title": "x"}}, {"job": kept_job(date="x")}]
)
def test_an_event_without_a_whole_job_stays(
    app: APIFlask, ledger: Engine, declared_broker: Broker, broken: dict[str, Any]
) -> None:
    event_id = send_event(declared_broker, "database", **broken)

    assert run(app, "replay", event_id).exit_code == 1
    assert run(app, "show", event_id).exit_code == 0
    assert count(ledger, "job") == 0


def test_a_dead_letter_is_sent_again(
    app: APIFlask, maria: Caller, ledger: Engine, declared_broker: Broker
) -> None:
    made = maria.post("/jobs", json=job()).json["data"]
    run_id = finish(ledger, made["id"])
    dead_letter(declared_broker, json.dumps(made).encode(), str(run_id))

    assert "de novo" in run(app, "replay", str(run_id)).output
    assert maria.get(f"/job/{made['id']}").json["data"]["status"] == "created"
    assert run(app, "list").output == ""


def test_a_dead_letter_of_a_cancelled_job_stays_and_cancelled_it_is(
    app: APIFlask, maria: Caller, declared_broker: Broker
) -> None:
    made = maria.post("/jobs", json=job()).json["data"]
    maria.post(f"/job/{made['id']}/cancel")
    dead_letter(declared_broker, json.dumps(made).encode(), "letter")

    replayed = run(app, "replay", "letter")
    assert replayed.exit_code == 1
    assert "foi cancelada" in replayed.output
    assert maria.get(f"/job/{made['id']}").json["data"]["status"] == "cancelled"
    assert "letter" in run(app, "list").output


def test_all_that_can_be_made_good_is_although_one_cannot(
    app: APIFlask, ledger: Engine, declared_broker: Broker
) -> None:
    bad = send_event(declared_broker, "database", job=None)
    good = send_event(declared_broker, "database", job=kept_job())

    replayed = run(app, "replay", "--all", "database")
    assert replayed.exit_code == 1
    assert bad in replayed.output
    assert good in replayed.output
    assert count(ledger, "job") == 1
    assert [line.split()[0] for line in run(app, "list").output.splitlines()] == [bad]


def test_a_dead_letter_that_nobody_understands_can_be_looked_at(
    app: APIFlask, declared_broker: Broker
) -> None:
    dead_letter(declared_broker, b"\xff{ not json")
    (line,) = run(app, "list", "--kind", "dead_letter").output.splitlines()
    event_id = line.split()[0]

    assert "not json" in run(app, "show", event_id).output
    assert run(app, "replay", event_id).exit_code == 1
    assert run(app, "discard", event_id).exit_code == 0


def test_administrators_do_the_same_over_http(
    admin: Caller, ledger: Engine, declared_broker: Broker
) -> None:
    event_id = send_event(declared_broker, "database", job=kept_job())
    other = send_event(declared_broker, "payload", errors={})

    listed = admin.get("/admin/errors").json["data"]
    assert {event["id"] for event in listed} == {event_id, other}
    assert [e["id"] for e in admin.get("/admin/errors?kind=payload").json["data"]] == [other]
    assert admin.get(f"/admin/errors/{event_id}").json["data"]["body"]["job"]["title"] == "Guardada"
    assert admin.post(f"/admin/errors/{event_id}/replay").status_code == 200
    assert admin.post(f"/admin/errors/{event_id}/replay").status_code == 404
    assert admin.post(f"/admin/errors/{other}/replay").status_code == 409
    assert admin.delete(f"/admin/errors/{other}").status_code == 200
    assert admin.get("/admin/errors").json["data"] == []
    assert count(ledger, "job") == 1


def test_the_queues_tell_how_they_stand(admin: Caller, declared_broker: Broker) -> None:
    send_event(declared_broker, "payload")
    send_event(declared_broker, "payload")
    queues = {queue["name"]: queue for queue in admin.get("/admin/queues").json["data"]}

    assert set(queues) == {"job_created", "job_created_dlq", *topology.ERROR_QUEUES.values()}
    assert queues["payload_error"]["messages"] == 2
    assert queues["payload_error"]["oldest"] == "2031-02-27T23:06:40+00:00"
    assert queues["job_created"] == {
        "name": "job_created", "messages": 0, "consumers": 0, "oldest": None,
    }  # fmt: skip


ADMIN_CALLS = [
    ("get", "/admin/errors"), ("get", "/admin/queues"), ("get", "/admin/workers"),
    ("get", "/admin/errors/x"),
    ("post", "/admin/errors/x/replay"), ("delete", "/admin/errors/x"),
]  # fmt: skip


def test_others_may_not(maria: Caller, app: APIFlask) -> None:
    for method, path in ADMIN_CALLS:
        assert getattr(maria, method)(path).status_code == 403
        assert app.test_client().open(path, method=method.upper()).status_code == 401


def test_without_the_broker_it_is_unavailable(
    admin: Caller, app: APIFlask, programs: dict[str, Program]
) -> None:
    programs["rabbitmq"].stop()

    assert admin.get("/admin/queues").status_code == 503
    assert run(app, "list").exit_code == 1
