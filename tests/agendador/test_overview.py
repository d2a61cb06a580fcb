import re
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from dateutil.rrule import rrulestr
from sqlalchemy import Engine, text

from core.clock import SAO_PAULO
from core.ledger import recurrence, reports
from core.ledger.transitions import mails
from tests.agendador.conftest import Caller, Users, claims_of
from tests.agendador.ledgers import end, finish, job, start
from tests.people import JOAO, MARIA, cnpj


def make(caller: Caller, **changes: Any) -> int:
    answer = caller.post("/jobs", json=job(**changes))
    assert answer.status_code == 201, answer.json
    return int(answer.json["data"]["id"])


def test_a_company_shows_its_latest_result_and_its_history(
    maria: Caller, joao: Caller, ledger: Engine
) -> None:
    for situation in ("ATIVA", "BAIXADA"):
        finish(ledger, make(maria), situacao_cadastral=situation)
    finish(ledger, make(maria, cpf_cnpj=cnpj(2)), situacao_cadastral="NULA")

    data = maria.get(f"/companies/{cnpj(1)}").json["data"]

    assert data["latest"]["situacao_cadastral"] == "BAIXADA"
    assert [moment["changes"] for moment in data["timeline"]] == [
        [
            {
                "field": "situacao_cadastral",
                "before": "ATIVA",
                "after": "BAIXADA",
                "severity": "critical",
            }
        ],
        [],
    ]
    assert maria.get("/companies/00.000.001/0001-36").json["data"] == data
    assert joao.get(f"/companies/{cnpj(1)}").status_code == 404
    assert maria.get("/companies/123").status_code == 404
    assert maria.get(f"/companies/{cnpj(3)}").status_code == 404


def test_the_figures_tell_of_status_days_and_latency(
    maria: Caller, joao: Caller, ledger: Engine
) -> None:
    finish(ledger, make(maria))
    make(maria)
    data = maria.get("/stats").json["data"]

    assert data["by_status"] == {
        "created": 1, "queued": 0, "processing": 0, "processed": 1, "error": 0, "cancelled": 0,
    }  # fmt: skip
    (day,) = data["by_day"]
    assert (day["processed"], day["error"], day["open"]) == (1, 0, 0)
    assert data["latency"]["runs"] == 1
    assert 0 <= data["latency"]["work_p50_s"] <= data["latency"]["work_p95_s"]
    assert joao.get("/stats").json["data"]["latency"]["wait_p50_s"] is None
    assert maria.get("/stats?days=0").status_code == 422


def add_ended_jobs(ledger: Engine, caller: Caller, count: int) -> None:
    """Put jobs into the ledger that were due yesterday and processed in a second."""
    with ledger.begin() as connection:
        connection.execute(
            text("""
                WITH made AS (
                    INSERT INTO job (title, description, cpf_cnpj, date, priority, status,
                                     creator_id, creator_email, request_id)
                    SELECT title, description, cpf_cnpj, now() - interval '1 day', priority,
                           'processed', creator_id, creator_email, request_id
                    FROM job, generate_series(1, :count) WHERE id = :id
                    RETURNING id, date
                )
                INSERT INTO run (id, job_id, scheduled_for, priority, attempt, status, started_at,
                                 finished_at)
                SELECT gen_random_uuid(), id, date, 0, 1, 'processed', date,
                       date + interval '1 second'
                FROM made
            """),
            {"count": count, "id": make(caller)},
        )


def by_day(figures: dict[str, Any]) -> dict[date, tuple[int, int, int]]:
    """Return the runs of each day that were processed, cancelled, and are open."""
    return {
        date.fromisoformat(day["day"]): (day["processed"], day["cancelled"], day["open"])
        for day in figures["by_day"]
    }


def test_the_figures_follow_late_ends_edits_and_deletions_at_once(
    maria: Caller, ledger: Engine
) -> None:
    today = datetime.now(SAO_PAULO).date()
    yesterday = today - timedelta(days=1)
    late, kept, gone = make(maria), make(maria), make(maria)
    runs = {number: start(ledger, number) for number in (late, kept, gone)}
    with ledger.begin() as connection:
        for run in (runs[late], runs[gone]):
            connection.execute(
                text("UPDATE run SET scheduled_for = now() - interval '1 day' WHERE id = :id"),
                {"id": run},
            )
    assert by_day(maria.get("/stats").json["data"]) == {yesterday: (0, 0, 2), today: (0, 0, 1)}

    end(ledger, runs[late])
    end(ledger, runs[gone])
    assert by_day(maria.get("/stats").json["data"]) == {yesterday: (2, 0, 0), today: (0, 0, 1)}

    maria.delete(f"/job/{gone}")
    maria.post(f"/job/{kept}/cancel")
    figures = maria.get("/stats").json["data"]
    assert by_day(figures) == {yesterday: (1, 0, 0), today: (0, 1, 0)}
    assert figures["by_status"]["processed"] == figures["by_status"]["cancelled"] == 1
    assert figures["by_status"]["processing"] == 0


def test_of_many_jobs_what_goes_on_is_counted_each_time(maria: Caller, ledger: Engine) -> None:
    today = datetime.now(SAO_PAULO).date()
    add_ended_jobs(ledger, maria, reports.MANY)
    first = maria.get("/stats").json["data"]
    assert first["by_status"]["processed"] == first["latency"]["runs"] == reports.MANY
    assert by_day(first) == {today - timedelta(days=1): (reports.MANY, 0, 0)}

    finish(ledger, make(maria))
    start(ledger, make(maria))

    later = maria.get("/stats").json["data"]
    assert by_day(later) == by_day(first) | {today: (1, 0, 1)}
    assert (later["by_status"]["created"], later["by_status"]["processing"]) == (1, 1)
    # What has ended is counted anew after a minute.
    assert later["by_status"]["processed"] == reports.MANY
    # Others' figures, and those of other days, are their own.
    assert maria.get("/stats?days=2").json["data"]["by_status"]["processed"] == reports.MANY + 1


def feed(app: APIFlask, path: str) -> str:
    """Return the lines of a feed as RFC 5545 joins them."""
    answer = app.test_client().get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    text = answer.get_data(as_text=True)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    return text.replace("\r\n ", "").replace("\r\n", "\n")


def test_a_calendar_program_reads_the_jobs(app: APIFlask, maria: Caller) -> None:
    make(maria, title="Padaria, do João; já", description="a\nb\\c" + "ç" * 100)
    make(maria, recurrence="FREQ=WEEKLY;BYDAY=MO")
    cancelled = make(maria, title="Cancelada")
    maria.post(f"/job/{cancelled}/cancel")
    path = maria.post("/calendar").json["data"]["path"]

    text = feed(app, path)

    assert text.startswith("BEGIN:VCALENDAR\nVERSION:2.0\n")
    assert text.count("BEGIN:VEVENT") == text.count("END:VEVENT") == 2
    assert "SUMMARY:Padaria\\, do João\\; já (00.000.001/0001-36)\n" in text
    assert "DESCRIPTION:a\\nb\\\\c" in text
    assert "DTSTART;TZID=America/Sao_Paulo:20310301T090000\n" in text
    assert "RRULE:FREQ=WEEKLY;BYDAY=MO\n" in text
    assert re.search(r"UID:consulta-\d+@", text)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;UNTIL=20310303",
        "FREQ=DAILY;UNTIL=20310302T090000",
        "FREQ=DAILY;UNTIL=20310303T115959Z",
        "FREQ=WEEKLY;UNTIL=20310331;BYDAY=MO,FR",
        "FREQ=HOURLY;COUNT=3",
    ],
)
def test_a_calendar_program_sees_a_recurring_job_when_it_runs(
    app: APIFlask, maria: Caller, rule: str
) -> None:
    make(maria, recurrence=rule)
    text = feed(app, maria.post("/calendar").json["data"]["path"])
    began, shown = (re.search(rf"^{name}[^:]*:(.+)$", text, re.M) for name in ("DTSTART;", "RRULE"))
    assert began
    assert shown
    start = datetime.strptime(began[1], "%Y%m%dT%H%M%S").replace(tzinfo=SAO_PAULO)

    # dateutil, as the RFC does, wants UNTIL in UTC beside a start with a zone.
    assert list(rrulestr(shown[1], dtstart=start)) == list(recurrence.occurrences(rule, start))


def test_a_calendar_is_closed_and_its_address_changed(app: APIFlask, maria: Caller) -> None:
    client = app.test_client()
    first = maria.post("/calendar").json["data"]["path"]
    second = maria.post("/calendar").json["data"]["path"]

    assert client.get(first).status_code == 404
    assert client.get(second).status_code == 200
    assert maria.delete("/calendar").status_code == 200
    assert client.get(second).status_code == 404
    for path in ("/calendar.ics", "/calendar.ics?token=", "/calendar.ics?token=%00"):
        assert client.get(path).status_code in {404, 422}


DAY = date(2031, 3, 1)
SINCE = datetime(2031, 3, 1, 3, tzinfo=UTC)


def summaries(ledger: Engine) -> list[dict[str, Any]]:
    """Let the 19:00 summaries of a day be queued; return them."""
    with ledger.begin() as connection:
        connection.exec_driver_sql("DELETE FROM mail")
        mails.queue_summaries(connection, DAY, SINCE, SINCE + timedelta(days=1))
        rows = connection.exec_driver_sql("SELECT recipient, context FROM mail").all()
    return [{"recipient": row.recipient, **row.context} for row in rows]


def test_the_summary_is_ended_and_taken_up_again(maria: Caller, ledger: Engine) -> None:
    make(maria)
    assert maria.get("/preferences").json["data"] == {"summary": True}
    assert len(summaries(ledger)) == 1

    assert maria.put("/preferences", json={"summary": False}).json["data"] == {"summary": False}
    assert summaries(ledger) == []
    assert maria.get("/preferences").json["data"] == {"summary": False}

    maria.put("/preferences", json={"summary": True})
    assert len(summaries(ledger)) == 1


@pytest.mark.parametrize("value", ["sim", 1, None])
def test_a_bad_preference_is_refused(maria: Caller, value: Any) -> None:
    answer = maria.put("/preferences", json={"summary": value})

    assert list(answer.json["errors"]) == ["summary"]


def test_the_latest_result_of_a_company_tells_that_its_data_is_old(
    maria: Caller, ledger: Engine
) -> None:
    old = {"data_da_base": "2026-01-01", "data_pesquisa": "2026-11-27"}
    finish(ledger, make(maria), **old)

    (result,) = maria.get("/results").json["data"]

    assert result["stale"] is True
    assert maria.get(f"/companies/{cnpj(1)}").json["data"]["latest"] == result


def test_mails_of_open_jobs_follow_a_new_address_once_it_is_seen(
    app: APIFlask, users: Users, maria: Caller, joao: Caller, ledger: Engine
) -> None:
    ended, waiting, of_joao = make(maria), make(maria), make(joao)
    finish(ledger, ended)
    same_account = claims_of(MARIA)["sub"]
    moved = users.token(MARIA, sub=same_account, email="nova@empresa.example")
    later = Caller(app.test_client(), moved)

    later.get("/jobs")
    finish(ledger, waiting)

    assert later.get(f"/job/{waiting}").json["data"]["creator_email"] == "nova@empresa.example"
    assert later.get(f"/job/{ended}").json["data"]["creator_email"] == MARIA.email
    assert joao.get(f"/job/{of_joao}").json["data"]["creator_email"] == JOAO.email
    with ledger.connect() as connection:
        query = text("SELECT recipient FROM mail ORDER BY id DESC LIMIT 1")
        assert connection.execute(query).scalar() == "nova@empresa.example"


def test_one_click_in_the_mail_ends_the_summary(
    app: APIFlask, maria: Caller, joao: Caller, ledger: Engine
) -> None:
    make(maria)
    make(joao)
    client = app.test_client()
    tokens = {mail["recipient"]: mail["unsubscribe_token"] for mail in summaries(ledger)}
    path = f"/unsubscribe?token={tokens[MARIA.email]}"

    page = client.get(path)
    assert "List-Unsubscribe" in page.get_data(as_text=True)
    assert len(summaries(ledger)) == 2

    form = {"List-Unsubscribe": "One-Click"}
    assert client.post(path, data=form).status_code == 200
    assert client.post(path, data=form).status_code == 200
    assert [mail["recipient"] for mail in summaries(ledger)] != [MARIA.email]
    assert len(summaries(ledger)) == 1
    assert maria.get("/preferences").json["data"] == {"summary": False}


def test_who_presses_the_button_is_answered_a_page(
    app: APIFlask, maria: Caller, ledger: Engine
) -> None:
    make(maria)
    client = app.test_client()
    path = f"/unsubscribe?token={summaries(ledger)[0]['unsubscribe_token']}"
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

    pressed = client.post(path, headers=browser)
    stale = client.post(f"/unsubscribe?token={uuid.UUID(int=0)}", headers=browser)

    assert (pressed.status_code, stale.status_code) == (200, 404)
    assert pressed.mimetype == stale.mimetype == "text/html"
    assert "não receberá mais" in pressed.get_data(as_text=True)
    assert "não vale mais" in stale.get_data(as_text=True)
    assert maria.get("/preferences").json["data"] == {"summary": False}


def test_a_link_of_nobody_ends_nothing(app: APIFlask) -> None:
    client = app.test_client()

    assert client.post("/unsubscribe?token=00000000-0000-0000-0000-000000000000").status_code == 404
    assert client.post("/unsubscribe?token=x").status_code == 422
    assert client.post("/unsubscribe").status_code == 422
