from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier
from typing import Any

from apiflask import APIFlask
from sqlalchemy import Engine

from agendador.limits import UNCOUNTED
from tests.agendador.conftest import Caller, Users
from tests.agendador.ledgers import count, job
from tests.people import JOAO, MARIA, cnpj

# So much above UNCOUNTED that a process begins by counting only now and then.
LIMIT = 5 * UNCOUNTED // 2


def make(caller: Caller) -> int:
    return int(caller.post("/jobs", json=job()).status_code)


def make_until_refused(caller: Caller) -> int:
    """Make jobs until one is refused; return how many were made."""
    made = 0
    while (status := make(caller)) == 201:
        made += 1
    assert status == 409
    return made


def send(caller: Caller, rows: int) -> Any:
    table = "cnpj;titulo\n" + "\n".join(f"{cnpj(1)};Padaria {number}" for number in range(rows))
    return caller.post("/jobs/import", data={"file": (BytesIO(table.encode()), "t.csv")})


def test_one_open_job_too_many_is_refused_and_an_ended_one_makes_room(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    maria = Caller(make_app(MAX_OPEN_JOBS="6").test_client(), users.token(MARIA))
    first = maria.post("/jobs", json=job()).json["data"]
    assert make_until_refused(maria) == 5

    refused = maria.post("/jobs", json=job())
    assert "limite é de 6" in refused.json["message"]
    assert count(ledger, "job") == 6
    assert maria.post(f"/job/{first['id']}/cancel").status_code == 200
    assert make_until_refused(maria) == 1


def test_a_request_sent_again_finds_its_job_although_no_more_may_be_open(
    make_app: Callable[..., APIFlask], users: Users
) -> None:
    maria = Caller(make_app(MAX_OPEN_JOBS="1").test_client(), users.token(MARIA))
    key = {"Idempotency-Key": "pedido-1"}
    made = maria.post("/jobs", json=job(), headers=key)

    again = maria.post("/jobs", json=job(), headers=key)

    assert again.status_code == 201
    assert again.json["data"] == made.json["data"]


def test_one_process_holds_the_limit_exactly_whatever_comes_at_once(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    app, token = make_app(MAX_OPEN_JOBS=str(LIMIT)), users.token(MARIA)
    callers = [Caller(app.test_client(), token) for _ in range(6)]

    with ThreadPoolExecutor() as pool:
        made = sum(pool.map(make_until_refused, callers))

    assert made == count(ledger, "job") == LIMIT


def test_the_last_place_is_given_once_by_several_processes(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    apps, people = [make_app(MAX_OPEN_JOBS="1") for _ in range(3)], range(20)
    at_once = Barrier(len(apps))

    def ask(app: APIFlask) -> list[int]:
        answers = []
        for number in people:
            caller = Caller(app.test_client(), users.token(MARIA, sub=f"person-{number}"))
            at_once.wait(timeout=10)
            answers.append(make(caller))
        return answers

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(ask, apps))

    assert [sorted(of_one) for of_one in zip(*answers, strict=True)] == [[201, 409, 409]] * 20
    assert count(ledger, "job") == len(people)


def test_each_further_process_adds_a_bounded_number_of_jobs(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    limit, token = str(LIMIT), users.token(MARIA)
    few, many = (Caller(make_app(MAX_OPEN_JOBS=limit).test_client(), token) for _ in range(2))
    assert make(few) == 201
    assert make_until_refused(many) == LIMIT - 1

    # It counts halfway.
    assert make_until_refused(few) == UNCOUNTED // 2

    assert make(few) == make(many) == 409
    assert count(ledger, "job") == LIMIT + UNCOUNTED // 2


def test_an_import_is_counted_with_what_one_made_before_and_after(
    make_app: Callable[..., APIFlask], users: Users, ledger: Engine
) -> None:
    app = make_app(MAX_OPEN_JOBS=str(LIMIT))
    maria, joao = (Caller(app.test_client(), users.token(one)) for one in (MARIA, JOAO))
    assert make(maria) == 201

    assert send(maria, LIMIT).status_code == 409
    assert send(maria, LIMIT - 2).status_code == 201

    assert make_until_refused(maria) == 1
    assert make(joao) == 201
    assert count(ledger, "job") == LIMIT + 1
