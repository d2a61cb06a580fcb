"""The main job once, before your eyes: sign up, schedule, process by priority, mails, summary.

Everything goes through the public HTTP API, on servers of the demo's own.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any, TypeVar

import requests
from stdnum.br import cnpj as stdnum_cnpj

from core.documents import format_cnpj
from devstack import homes, ports, services, stack
from devstack.process import DevstackError
from devstack.stack import PUBLIC_PORTS, Stack

T = TypeVar("T")

CALL_TIMEOUT_SECONDS = 10
WAIT_SECONDS = 60
POLL_SECONDS = 0.1
NOT_NEEDED = ("worker", "web", "cronjob")
PERSON = {
    "full_name": "Maria da Conceição Araújo",
    "email": "maria@empresa.example",
    "cpf_cnpj": "11144477735",
    "date_of_birth": "1985-03-14",
    "password": "girassol-no-quintal-7",
    "confirm_password": "girassol-no-quintal-7",
}
# Priority and the first twelve characters of the CNPJ, in the order in which they are scheduled.
CONSULTATIONS = (
    (2, "112223330001"),
    (0, "12ABC34501DE"),
    (5, "274865160001"),
    (1, "908070600001"),
    (4, "AB12CD340001"),
    (3, "314159260001"),
    (5, "602214070001"),
    (0, "173205080001"),
)


@dataclass
class Visitor:
    """Someone who uses the public API of a running suite."""

    suite: Stack
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, service: str, method: str, path: str, body: object = None) -> Any:
        """Call a service and return the answer's ``data``.

        Raises:
            DevstackError: it did not answer with success; the message says what it answered.
        """
        url = self.suite.address(service) + path
        answer = requests.request(
            method, url, json=body, headers=self.headers, timeout=CALL_TIMEOUT_SECONDS
        )
        if not answer.ok:
            raise DevstackError(f"{method} {url} answered {answer.status_code}: {answer.text}")
        return answer.json()["data"]

    def sign_up_and_log_in(self) -> None:
        """Make the account and keep its token for the calls that follow."""
        self.call("users", "POST", "/users", PERSON)
        credentials = {name: PERSON[name] for name in ("email", "password")}
        account = self.call("users", "POST", "/auth", credentials)
        self.headers["Authorization"] = f"Bearer {account['token']}"

    def schedule(self) -> list[str]:
        """Create the demo's jobs and return their ids."""
        return [
            self.call("agendador", "POST", "/jobs", _job(number, priority, base))["id"]
            for number, (priority, base) in enumerate(CONSULTATIONS, start=1)
        ]

    def jobs(self, ids: list[str]) -> list[dict[str, Any]]:
        """Return the jobs as they are now."""
        return [self.call("agendador", "GET", f"/job/{job}") for job in ids]

    def wait_for_status(self, ids: list[str], status: str) -> list[dict[str, Any]]:
        """Return the jobs once all have a status.

        Raises:
            DevstackError: one failed, or they do not get there in time.
        """

        def there() -> list[dict[str, Any]]:
            jobs = self.jobs(ids)
            for job in jobs:
                if job["status"] == "error":
                    runs = self.call("agendador", "GET", f"/job/{job['id']}/runs")
                    raise DevstackError(f"{job['title']} failed: {runs}")
            return jobs if {job["status"] for job in jobs} == {status} else []

        return _wait(there, f"all jobs {status}")

    def mails(self) -> list[dict[str, Any]]:
        """Return the mails that arrived, oldest first."""
        url = f"{self.suite.address('inbox')}/api/v2/messages"
        answer = requests.get(url, timeout=CALL_TIMEOUT_SECONDS)
        return list(reversed(answer.json()["items"]))


def main() -> None:
    """Run the demo on servers of its own and leave nothing behind.

    Raises:
        DevstackError: something did not happen as it must.
    """
    # One consultation at a time, so that the order in which they are taken is plain to see.
    os.environ["LOOKUP_SLOTS"] = "1"
    say = _Clock()
    say("Starting PostgreSQL, MongoDB, RabbitMQ, mail catcher, registry simulator and services")
    with homes.throwaway("demo") as home:
        free = ports.free(len(PUBLIC_PORTS))
        suite = stack.new(home, dict(zip(PUBLIC_PORTS, free, strict=True)))
        try:
            suite.up(without=NOT_NEEDED)
            _perform(suite, say)
        except DevstackError as error:
            raise DevstackError(f"{error}\nThe logs are in {home / 'log'}") from error
        say("Stopping everything")
        suite.down()
    _print_next_steps()


def _perform(suite: Stack, say: Callable[[str], None]) -> None:
    visitor = Visitor(suite)
    visitor.sign_up_and_log_in()
    say(f"{PERSON['full_name']} has signed up and logged in")
    ids = visitor.schedule()
    say(f"Scheduled {len(ids)} consultations while the worker is stopped")
    visitor.wait_for_status(ids, "queued")
    say("The dispatcher has queued them; the worker starts")
    suite.program("worker").start()
    jobs = visitor.wait_for_status(ids, "processed")
    results = {it["job_id"]: it for it in visitor.call("agendador", "GET", "/results")}
    say("All are processed, in this order:")
    _print_order(visitor, jobs, results)
    say("One of the results:")
    _print_result(max(results.values(), key=lambda result: sum(map(bool, result.values()))))
    expected = 2 * len(ids)
    mails = _wait(lambda: _at_least(visitor.mails(), expected), f"{expected} mails")
    say(f"{len(mails)} mails have arrived, one when a consultation starts and one when it ends:")
    _print_mails(mails)
    suite.run(services.SUMMARY)
    mails = _wait(lambda: _at_least(visitor.mails(), expected + 1), "the summary mail")
    say("The summary of the day, which is sent at 19:00:")
    _print_mail(mails[-1])


def _job(number: int, priority: int, base: str) -> dict[str, Any]:
    cnpj = base + str(stdnum_cnpj.calc_check_digits(base))
    return {
        "title": f"Consulta {number} (prioridade {priority})",
        "description": "Criada pela demonstração",
        "cpf_cnpj": cnpj,
        "date": datetime.now(UTC).isoformat(),
        "priority": priority,
    }


def _print_order(
    visitor: Visitor, jobs: list[dict[str, Any]], results: dict[str, dict[str, Any]]
) -> None:
    """Print the jobs as the worker took them.

    Raises:
        DevstackError: it was not by priority, and first come first served within one.
    """
    runs = {
        job["id"]: visitor.call("agendador", "GET", f"/job/{job['id']}/runs")[0] for job in jobs
    }
    taken = sorted(jobs, key=lambda job: runs[job["id"]]["started_at"])
    print(f"\n    {'priority':<10}{'title':<27}{'CNPJ':<20}{'status':<11}{'took':>7}  company")
    for job in taken:
        print(
            f"    {job['priority']:^8}  {job['title']:<27}{format_cnpj(job['cpf_cnpj']):<20}"
            f"{job['status']:<11}{_milliseconds(runs[job['id']]):>4} ms"
            f"  {results[job['id']]['nome_empresarial']}"
        )
    if taken != sorted(jobs, key=lambda job: -job["priority"]):
        raise DevstackError("The worker did not take them by priority, first come first served.")


def _milliseconds(run: dict[str, Any]) -> int:
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return round((ended - began).total_seconds() * 1000)


def _print_result(result: dict[str, Any]) -> None:
    print()
    for name, value in result.items():
        lines = [str(line) for line in value] if isinstance(value, list) else [str(value)]
        for position, line in enumerate(lines or [""]):
            print(f"    {'' if position else name:<26} {line}")


def _print_mails(mails: list[dict[str, Any]]) -> None:
    print()
    for mail in mails:
        print(f"    to {mail['Raw']['To'][0]}: {_parsed(mail)['Subject']}")


def _print_mail(mail: dict[str, Any]) -> None:
    message = _parsed(mail)
    body = message.get_body(preferencelist=("plain",))
    text = body.get_content() if body is not None else ""
    print(f"\n    {message['Subject']}\n")
    for line in text.splitlines():
        print(f"    {line}")


def _print_next_steps() -> None:
    print("\nWhere to look next")
    print(f"    make up      the suite in the background, its pages at {_address('web')},")
    print(f"                 the API at {_address('agendador')}/swagger-ui/,")
    print(f"                 the mails at {_address('inbox')}")
    print("    make test    every check")
    print("    README.md    the same over curl, the settings, where things are")


def _address(name: str) -> str:
    return f"http://{ports.LOOPBACK}:{PUBLIC_PORTS[name]}"


def _parsed(mail: dict[str, Any]) -> Any:
    return message_from_bytes(mail["Raw"]["Data"].encode(), policy=policy.default)


def _at_least(items: list[T], count: int) -> list[T]:
    return items if len(items) >= count else []


def _wait(look: Callable[[], list[T]], what: str) -> list[T]:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise DevstackError(f"Waited {WAIT_SECONDS} s in vain for {what}.")
        time.sleep(POLL_SECONDS)
    return found


class _Clock:
    """Says each step with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"\n[{time.monotonic() - self._began:5.1f} s] {what}", flush=True)
