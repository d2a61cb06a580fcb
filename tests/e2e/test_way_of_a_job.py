"""The whole suite as processes, used over HTTP by somebody who knows only the API."""

import os
import signal
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from core.clock import utc_now
from devstack import ports, services
from devstack.registry import reserved
from devstack.stack import Stack
from tests.clients import Inbox, Registry
from tests.people import ESTELA, JOAO, MARIA, Person, cnpj
from tests.waiting import wait_until

TIMEOUT_SECONDS = 30
SLOW_MACHINE_SECONDS = 90.0
PRIORITIES = (0, 3, 5, 1, 4, 2, 5, 0)


@dataclass(frozen=True)
class Client:
    """Somebody with a token."""

    stack: Stack
    email: str
    headers: dict[str, str]

    def call(self, method: str, path: str, **options: Any) -> Any:
        answer = requests.request(
            method,
            self.stack.address("agendador") + path,
            headers=self.headers,
            timeout=TIMEOUT_SECONDS,
            **options,
        )
        assert answer.ok, answer.text
        return answer.json()["data"]

    def schedule(self, number: int, priority: int = 0, **fields: Any) -> dict[str, Any]:
        job = {
            "title": f"Consulta {number}",
            "description": "",
            "cpf_cnpj": cnpj(number),
            "date": utc_now().isoformat(),
            "priority": priority,
        }
        made: dict[str, Any] = self.call("POST", "/jobs", json=job | fields)
        return made

    def status(self, job: dict[str, Any]) -> str:
        return str(self.call("GET", f"/job/{job['id']}")["status"])

    def wait_for(self, status: str, *jobs: dict[str, Any]) -> None:
        wait_until(
            lambda: all(self.status(job) == status for job in jobs),
            SLOW_MACHINE_SECONDS,
            because=f"not all are {status}",
        )

    def subjects(self, job: dict[str, Any]) -> list[str]:
        caught = Inbox(
            self.stack.address("inbox"), ports.LOOPBACK, self.stack.ports["smtp"]
        ).messages(self.email)
        return [mail.subject for mail in caught if mail.subject.endswith(f": {job['title']}")]


@pytest.fixture(scope="module")
def maria(stack: Stack) -> Client:
    return _client(stack, MARIA)


def _client(stack: Stack, person: Person) -> Client:
    users = stack.address("users")
    made = requests.post(f"{users}/users", json=person.sign_up(), timeout=TIMEOUT_SECONDS)
    assert made.status_code == requests.codes.created, made.text
    entered = requests.post(f"{users}/auth", json=person.log_in(), timeout=TIMEOUT_SECONDS)
    token = entered.json()["data"]["token"]
    return Client(stack, person.email, {"Authorization": f"Bearer {token}"})


def test_a_job_goes_from_created_to_processed_with_a_result_and_two_mails(
    stack: Stack, maria: Client
) -> None:
    stack.program("worker").stop()
    stack.program("dispatcher").stop()
    job = maria.schedule(1)
    seen = [maria.status(job)]
    stack.program("dispatcher").start()
    maria.wait_for("queued", job)
    stack.program("worker").start()
    maria.wait_for("processed", job)

    assert seen == ["created"]
    (result,) = maria.call("GET", "/results", params={"job_id": job["id"]})
    assert result["cnpj"] == cnpj(1)
    assert result["nome_empresarial"]
    wait_until(lambda: len(maria.subjects(job)) == 2, SLOW_MACHINE_SECONDS)
    assert maria.subjects(job) == [
        "Consulta iniciada: Consulta 1",
        "Consulta concluída: Consulta 1",
    ]


def test_the_worker_takes_the_highest_priority_first_then_first_come_first_served(
    stack: Stack, maria: Client
) -> None:
    stack.program("worker").stop()
    jobs = [maria.schedule(100 + i, priority) for i, priority in enumerate(PRIORITIES)]
    maria.wait_for("queued", *jobs)
    stack.program("worker").start()
    maria.wait_for("processed", *jobs)

    taken = sorted(jobs, key=lambda job: _first_run(maria, job)["started_at"])
    expected = sorted(jobs, key=lambda job: (-job["priority"], job["id"]))
    assert [job["id"] for job in taken] == [job["id"] for job in expected]


def test_a_worker_killed_in_the_middle_of_a_job_leaves_one_result_and_two_mails(
    stack: Stack, maria: Client
) -> None:
    registry = Registry(stack.address("registry"), stack.servers.registry_page)
    registry.behave(delay_ms=3_000)
    job = maria.schedule(200, 5)
    maria.wait_for("processing", job)
    stack.program("worker").kill()
    registry.behave()
    stack.program("worker").start()
    maria.wait_for("processed", job)

    assert len(maria.call("GET", "/results", params={"job_id": job["id"]})) == 1
    assert _first_run(maria, job)["attempt"] == 2
    wait_until(lambda: len(maria.subjects(job)) >= 2, SLOW_MACHINE_SECONDS)
    assert maria.subjects(job) == [
        "Consulta iniciada: Consulta 200",
        "Consulta concluída: Consulta 200",
    ]


def test_jobs_made_while_the_broker_is_away_are_processed_when_it_is_back(
    stack: Stack, maria: Client
) -> None:
    stack.program("rabbitmq").stop()
    jobs = [maria.schedule(300 + number, number % 6) for number in range(20)]
    assert {maria.status(job) for job in jobs} == {"created"}
    stack.program("rabbitmq").start()
    maria.wait_for("processed", *jobs)

    for job in jobs:
        assert len(maria.call("GET", "/results", params={"job_id": job["id"]})) == 1


def test_a_job_dated_in_the_future_is_not_started_before_its_time(maria: Client) -> None:
    due = utc_now() + timedelta(seconds=3)
    job = maria.schedule(400, date=due.isoformat())
    maria.wait_for("processed", job)

    started = datetime.fromisoformat(_first_run(maria, job)["started_at"])
    assert due <= started


def test_the_summary_reaches_each_user_once_a_day(stack: Stack, maria: Client) -> None:
    job = maria.schedule(500)
    maria.wait_for("processed", job)
    for _ in range(2):
        stack.run(services.SUMMARY)
    inbox = Inbox(stack.address("inbox"), ports.LOOPBACK, stack.ports["smtp"])

    def summaries() -> int:
        return sum(mail.subject.startswith("Resumo") for mail in inbox.messages(maria.email))

    wait_until(lambda: summaries() == 1, SLOW_MACHINE_SECONDS)
    later = maria.schedule(501)
    wait_until(lambda: len(maria.subjects(later)) == 2, SLOW_MACHINE_SECONDS)
    assert summaries() == 1


def test_one_click_in_the_summary_ends_it_and_a_look_at_its_link_does_not(stack: Stack) -> None:
    joao = _client(stack, JOAO)
    joao.schedule(550)
    stack.run(services.SUMMARY)
    inbox = Inbox(stack.address("inbox"), ports.LOOPBACK, stack.ports["smtp"])
    (mail,) = wait_until(
        lambda: [mail for mail in inbox.messages(JOAO.email) if mail.subject.startswith("Resumo")],
        SLOW_MACHINE_SECONDS,
    )
    link = mail.message["List-Unsubscribe"].strip("<>")
    name, value = mail.message["List-Unsubscribe-Post"].split("=")

    assert link in mail.text
    assert requests.get(link, timeout=TIMEOUT_SECONDS).ok
    assert joao.call("GET", "/preferences") == {"summary": True}
    assert requests.post(link, data={name: value}, timeout=TIMEOUT_SECONDS).ok
    assert joao.call("GET", "/preferences") == {"summary": False}


def test_sigterm_lets_the_worker_hand_back_what_it_cannot_finish(
    stack: Stack, maria: Client
) -> None:
    job = maria.schedule(600, cpf_cnpj=reserved.SLOW)
    maria.wait_for("processing", job)
    worker = stack.program("worker").process()
    assert worker is not None
    os.kill(worker.pid, signal.SIGTERM)
    wait_until(lambda: not worker.is_running() or worker.status() == "zombie", 15)
    assert maria.status(job) == "queued"
    stack.program("worker").start()
    maria.wait_for("processed", job)
    wait_until(lambda: len(maria.subjects(job)) == 2, SLOW_MACHINE_SECONDS)


def test_the_jobs_of_who_erases_their_account_end_and_mail_nobody(
    stack: Stack, maria: Client
) -> None:
    estela = _client(stack, ESTELA)
    stack.program("worker").stop()
    waiting = estela.schedule(700)
    estela.wait_for("queued", waiting)
    later = estela.schedule(701, date="2031-03-01T09:00:00", recurrence="FREQ=DAILY")
    erased = requests.delete(
        stack.address("users") + "/me", headers=estela.headers, timeout=TIMEOUT_SECONDS
    )
    assert erased.ok, erased.text
    estela.wait_for("cancelled", waiting, later)

    stack.program("worker").start()
    after = maria.schedule(702)
    maria.wait_for("processed", after)
    wait_until(lambda: len(maria.subjects(after)) == 2, SLOW_MACHINE_SECONDS)
    assert estela.status(waiting) == "cancelled"
    assert estela.subjects(waiting) == []


def _first_run(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    runs = client.call("GET", f"/job/{job['id']}/runs")
    run: dict[str, Any] = runs[0]
    return run
