from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine

from agendador.schemas import JobOut
from core.ledger.queries import JOB_FIELDS
from tests.agendador.conftest import Caller
from tests.agendador.ledgers import finish, job, queue
from tests.people import alphanumeric_cnpj


def make(caller: Caller, **changes: Any) -> int:
    answer = caller.post("/jobs", json=job(**changes))
    assert answer.status_code == 201, answer.json
    return int(answer.json["data"]["id"])


def listed(caller: Caller, **query: Any) -> list[int]:
    answer = caller.get(f"/jobs?{urlencode(query)}")
    assert answer.status_code == 200, answer.json
    return [item["id"] for item in answer.json["data"]["items"]]


def test_jobs_are_chosen_by_status(maria: Caller, ledger: Engine) -> None:
    created, queued, processed = (make(maria) for _ in range(3))
    queue(ledger, queued)
    finish(ledger, processed)

    assert listed(maria, status="queued") == [queued]
    assert listed(maria, status="processed,created") == [processed, created]
    assert listed(maria, status="error") == []
    assert listed(maria, status="") == [processed, queued, created]


def test_jobs_are_chosen_by_priority(maria: Caller) -> None:
    low, middle, high = (make(maria, priority=level) for level in (0, 3, 5))

    assert listed(maria, priority="5") == [high]
    assert listed(maria, priority="0, 3") == [middle, low]


def test_jobs_are_chosen_by_date_and_a_day_is_the_whole_of_it(maria: Caller) -> None:
    dates = ["2031-03-01T00:00", "2031-03-02T23:59", "2031-03-03T00:00"]
    first, second, third = (make(maria, date=date) for date in dates)

    assert listed(maria, **{"from": "2031-03-02"}) == [third, second]
    assert listed(maria, to="2031-03-02") == [second, first]
    assert listed(maria, **{"from": "2031-03-01T00:00", "to": "2031-03-01T00:00"}) == [first]
    assert listed(maria, **{"from": "2031-03-02T02:59:00Z", "to": "2031-03-02T02:59:00Z"}) == []


@pytest.mark.parametrize(
    "words", ["cafe", "CAFÉ", "Çafé", "descrição", "DESCRICAO", "50%_", "AB0007", "ab.000.7yz"]
)
def test_jobs_are_found_by_words_whatever_case_accents_and_punctuation(
    maria: Caller, words: str
) -> None:
    title = "Conferir CAFÉ e ÇAFE: 50%_"
    wanted = make(maria, title=title, description="Descrição", cpf_cnpj=alphanumeric_cnpj(7))
    make(maria, title="Outra coisa 50", description="")

    assert listed(maria, q=words) == [wanted]


def test_filters_add_up(maria: Caller) -> None:
    wanted = make(maria, title="Padaria", priority=5)
    make(maria, title="Padaria", priority=1)
    make(maria, title="Outra", priority=5)

    assert listed(maria, q="padaria", priority="5", status="created") == [wanted]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status", "feito"),
        ("status", "created,feito"),
        ("priority", "9"),
        ("priority", "x"),
        ("q", "a\x00b"),
        ("q", "x" * 201),
        ("from", "ontem"),
        ("to", "2031-02-31"),
        ("sort", "nome"),
        ("cursor", ""),
        ("cursor", "x"),
        ("cursor", "W10"),
        ("cursor", "é"),
        ("cursor", "W" * 100),
        ("cursor", "x" * 300),
    ],
)
def test_a_bad_filter_is_refused_by_its_name(maria: Caller, field: str, value: str) -> None:
    answer = maria.get(f"/jobs?{urlencode({field: value})}")

    assert answer.status_code == 422
    assert all(name == field or name.startswith(f"{field}.") for name in answer.json["errors"])


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("created", [0, 1, 2, 3, 4]),
        ("-created", [4, 3, 2, 1, 0]),
        ("date", [4, 2, 0, 1, 3]),
        ("-date", [3, 1, 0, 2, 4]),
        ("priority", [0, 4, 1, 3, 2]),
        ("-priority", [2, 3, 1, 4, 0]),
    ],
)
def test_a_list_is_walked_by_cursor_in_every_order(
    maria: Caller, sort: str, order: list[int]
) -> None:
    days, priorities = (3, 4, 2, 5, 1), (0, 2, 5, 2, 0)
    ids = [
        make(maria, date=f"2031-01-0{day}", priority=priority)
        for day, priority in zip(days, priorities, strict=True)
    ]
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = maria.get(f"/jobs?{urlencode({'sort': sort, 'per_page': 2} | cursor)}")
        page = answer.json["data"]
        found += [item["id"] for item in page["items"]]
        assert page["total"] == 5
        assert page["total_is_exact"] is True
        if not page["has_next"]:
            assert page["next_cursor"] is None
            break
        cursor = {"cursor": page["next_cursor"]}

    assert found == [ids[place] for place in order]


def test_a_cursor_of_another_order_is_refused(maria: Caller) -> None:
    for _ in range(3):
        make(maria)
    cursor = maria.get("/jobs?per_page=1&sort=date").json["data"]["next_cursor"]

    assert maria.get(f"/jobs?per_page=1&sort=date&cursor={cursor}").status_code == 200
    assert maria.get(f"/jobs?per_page=1&cursor={cursor}").status_code == 422


def test_a_cursor_of_somebody_else_shows_only_ones_own(maria: Caller, joao: Caller) -> None:
    for _ in range(3):
        make(maria)
    cursor = maria.get("/jobs?per_page=1").json["data"]["next_cursor"]

    assert listed(joao, cursor=cursor) == []


def test_a_job_is_answered_with_the_fields_that_are_documented() -> None:
    assert tuple(JobOut.model_fields) == JOB_FIELDS
