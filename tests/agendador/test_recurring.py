from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from core.clock import SAO_PAULO
from core.ledger.models import Status
from core.ledger.transitions import work
from tests.agendador.conftest import Caller
from tests.agendador.ledgers import WORKER, finish, job, queue, start

# A Tuesday, 09:00 in São Paulo.
TUESDAY = "2031-03-04T12:00:00+00:00"
NEXT_DAY = "2031-03-05T12:00:00+00:00"


def make(caller: Caller, **changes: Any) -> dict[str, Any]:
    answer = caller.post("/jobs", json=job(date=TUESDAY, **changes))
    assert answer.status_code == 201, answer.json
    data: dict[str, Any] = answer.json["data"]
    return data


def read(caller: Caller, job_id: int) -> dict[str, Any]:
    data: dict[str, Any] = caller.get(f"/job/{job_id}").json["data"]
    return data


def bring_date_to(ledger: Engine, job_id: int, date: datetime) -> None:
    with ledger.begin() as connection:
        connection.execute(
            text("UPDATE job SET date = :date WHERE id = :id"), {"date": date, "id": job_id}
        )


def test_a_recurring_job_starts_at_its_first_occurrence(maria: Caller) -> None:
    data = make(maria, recurrence="rrule:freq=weekly;byday=mo,we")

    assert data["recurrence"] == "FREQ=WEEKLY;BYDAY=MO,WE"
    assert data["date"] == data["next_run_at"] == NEXT_DAY


@pytest.mark.parametrize(
    "rule", ["", "FREQ=SECONDLY", "FREQ=MINUTELY;INTERVAL=5", "sempre", 7, "FREQ=DAILY;UNTIL=2030"]
)
def test_a_bad_rule_is_refused_by_its_field(maria: Caller, rule: Any) -> None:
    answer = maria.post("/jobs", json=job(recurrence=rule))

    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["recurrence"]


def test_a_rule_that_has_ended_before_the_date_is_refused(maria: Caller) -> None:
    body = job(date=TUESDAY, recurrence="FREQ=DAILY;UNTIL=20310101")
    answer = maria.post("/jobs", json=body)

    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["recurrence"]
    assert maria.get("/jobs").json["data"]["total"] == 0


def test_a_recurring_job_goes_back_to_created_with_its_next_date(
    maria: Caller, ledger: Engine
) -> None:
    job_id = make(maria, recurrence="FREQ=DAILY;COUNT=3")["id"]
    morning = datetime.now(SAO_PAULO).replace(microsecond=0) - timedelta(hours=1)
    bring_date_to(ledger, job_id, morning)

    finish(ledger, job_id)
    after = read(maria, job_id)

    assert after["status"] == "created"
    assert datetime.fromisoformat(after["date"]) == morning + timedelta(days=1)
    assert after["next_run_at"] == after["date"]
    assert after["recurrence"] == "FREQ=DAILY;COUNT=2"
    assert [run["status"] for run in maria.get(f"/job/{job_id}/runs").json["data"]] == ["processed"]


def test_the_date_stays_that_of_the_occurrence_while_it_is_at_work(
    maria: Caller, ledger: Engine
) -> None:
    job_id = make(maria, recurrence="FREQ=DAILY")["id"]
    start(ledger, job_id)

    data = read(maria, job_id)
    assert (data["status"], data["date"], data["next_run_at"]) == ("processing", TUESDAY, None)


def test_a_recurring_job_whose_occurrence_failed_goes_on(maria: Caller, ledger: Engine) -> None:
    job_id = make(maria, recurrence="FREQ=HOURLY")["id"]
    bring_date_to(ledger, job_id, datetime.now(UTC) - timedelta(minutes=5))
    run_id = start(ledger, job_id)
    with ledger.begin() as connection:
        failed = work.Outcome(run_id, 1, Status.ERROR, error_code="captcha")
        work.settle(connection, [failed], WORKER)

    assert read(maria, job_id)["status"] == "created"
    assert read(maria, job_id)["next_run_at"] > datetime.now(UTC).isoformat()


def test_the_last_occurrence_ends_the_job(maria: Caller, ledger: Engine) -> None:
    job_id = make(maria, recurrence="FREQ=DAILY;COUNT=1")["id"]
    bring_date_to(ledger, job_id, datetime.now(UTC) - timedelta(hours=1))
    finish(ledger, job_id)

    assert read(maria, job_id)["status"] == "processed"
    assert read(maria, job_id)["next_run_at"] is None


def test_a_recurrence_is_added_changed_and_taken_away(maria: Caller) -> None:
    job_id = make(maria)["id"]

    added = maria.patch(f"/job/{job_id}", json={"recurrence": "FREQ=WEEKLY;BYDAY=WE"}).json["data"]
    removed = maria.patch(f"/job/{job_id}", json={"recurrence": None}).json["data"]
    ended = maria.patch(f"/job/{job_id}", json={"recurrence": "FREQ=DAILY;UNTIL=20300101"})

    assert added["date"] == added["next_run_at"] == NEXT_DAY
    assert removed["recurrence"] is None
    assert list(ended.json["errors"]) == ["recurrence"]


def test_a_withdrawn_occurrence_is_not_counted(maria: Caller, ledger: Engine) -> None:
    job_id = make(maria, recurrence="FREQ=DAILY;COUNT=2")["id"]
    queue(ledger, job_id)

    data = maria.patch(f"/job/{job_id}", json={"title": "Outro"}).json["data"]

    assert data["recurrence"] == "FREQ=DAILY;COUNT=2"
    assert data["status"] == "created"


@pytest.mark.parametrize("bring_to", [lambda *_: None, queue])
def test_a_paused_job_waits_until_it_is_resumed(
    maria: Caller, ledger: Engine, bring_to: Any
) -> None:
    job_id = make(maria)["id"]
    bring_to(ledger, job_id)

    paused = maria.post(f"/job/{job_id}/pause").json["data"]
    moved = maria.patch(f"/job/{job_id}", json={"date": NEXT_DAY}).json["data"]
    resumed = maria.post(f"/job/{job_id}/resume").json["data"]

    assert (paused["paused"], paused["status"], paused["next_run_at"]) == (True, "created", None)
    assert (moved["paused"], moved["next_run_at"]) == (True, None)
    assert (resumed["paused"], resumed["next_run_at"]) == (False, NEXT_DAY)
    assert maria.get(f"/job/{job_id}/runs").json["data"] == []


def test_pausing_a_recurring_job_at_work_ends_with_its_occurrence(
    maria: Caller, ledger: Engine
) -> None:
    job_id = make(maria, recurrence="FREQ=DAILY")["id"]
    run_id = start(ledger, job_id)

    assert maria.post(f"/job/{job_id}/pause").json["data"]["status"] == "processing"
    with ledger.begin() as connection:
        work.settle(connection, [work.Outcome(run_id, 1, Status.ERROR, error_code="x")], WORKER)

    data = read(maria, job_id)
    assert (data["status"], data["paused"], data["next_run_at"]) == ("created", True, None)


def test_what_cannot_be_paused_says_so(maria: Caller, ledger: Engine) -> None:
    at_work, ended = make(maria)["id"], make(maria)["id"]
    start(ledger, at_work)
    finish(ledger, ended)

    answers = [maria.post(f"/job/{job_id}/pause") for job_id in (at_work, ended)]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert ["começou" in answers[0].json["message"], "terminou" in answers[1].json["message"]]


def test_resuming_what_is_not_paused_changes_nothing(maria: Caller) -> None:
    before = make(maria)

    assert maria.post(f"/job/{before['id']}/resume").json["data"] == before


def test_a_job_is_run_now(maria: Caller) -> None:
    data = maria.post(f"/job/{make(maria)['id']}/run").json["data"]

    assert data["status"] == "created"
    assert data["next_run_at"] == data["date"] <= datetime.now(UTC).isoformat()


def test_an_ended_job_is_run_once_more(maria: Caller, ledger: Engine) -> None:
    job_id = make(maria)["id"]
    finish(ledger, job_id)
    assert maria.post(f"/job/{job_id}/run").status_code == 200
    finish(ledger, job_id)

    assert read(maria, job_id)["status"] == "processed"
    assert len(maria.get(f"/job/{job_id}/runs").json["data"]) == 2
    assert len(maria.get(f"/results?job_id={job_id}").json["data"]) == 2


def test_running_a_recurring_job_now_leaves_its_next_date(maria: Caller, ledger: Engine) -> None:
    job_id = make(maria, recurrence="FREQ=DAILY;COUNT=5")["id"]
    assert maria.post(f"/job/{job_id}/run").json["data"]["date"] == TUESDAY
    finish(ledger, job_id)

    data = read(maria, job_id)
    assert data["next_run_at"] == data["date"] == TUESDAY
    assert data["recurrence"] == "FREQ=DAILY;COUNT=5"


@pytest.mark.parametrize("bring_to", [queue, start])
def test_a_job_under_way_is_not_run_twice(maria: Caller, ledger: Engine, bring_to: Any) -> None:
    job_id = make(maria)["id"]
    bring_to(ledger, job_id)

    assert maria.post(f"/job/{job_id}/run").status_code == 409


def test_nobody_else_pauses_resumes_or_runs_a_job(maria: Caller, joao: Caller) -> None:
    before = make(maria)
    for action in ("pause", "resume", "run"):
        assert joao.post(f"/job/{before['id']}/{action}").status_code == 404

    assert read(maria, before["id"]) == before
