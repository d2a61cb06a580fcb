"""The load: people who schedule consultations over HTTP and do not give up until told 201."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from devstack.registry import reserved
from tests.faults.refusals import UNWANTED
from tests.faults.suite import Suite
from tests.people import Person, cnpj, cpf

PEOPLE = 4
SENDERS = 8
CALL_SECONDS = 10.0
RETRY_SECONDS = 0.5
PATIENCE_SECONDS = 180.0
CREATED = 201
# One in so many asks for a CNPJ that the source does not serve: errors, each final at once.
TROUBLE_EVERY = 40
TROUBLES = (reserved.CAPTCHA, reserved.OTHER_LAYOUT)
# One in so many is for later: halfway between its sending and the end of the load.
LATER_EVERY = 10


@dataclass
class Load:
    """What was sent, and what was answered."""

    suite: Suite
    chance: random.Random
    # The id that the API answered with 201, by the idempotency key.
    accepted: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    given_up: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def sign_up(self) -> list[str]:
        """Make the accounts and return the token of each."""
        return [self._token(_person(number)) for number in range(PEOPLE)]

    def run(self, tokens: list[str], jobs: int, seconds: float) -> None:
        """Send that many jobs, spread evenly over so many seconds."""
        began = time.monotonic()
        moments = [seconds * number / jobs for number in range(jobs)]
        bodies = [
            self._job(number, (moment + seconds) / 2 if number % LATER_EVERY == 0 else 0.0)
            for number, moment in enumerate(moments)
        ]
        with ThreadPoolExecutor(SENDERS) as pool:
            for number, body in enumerate(bodies):
                time.sleep(max(0.0, began + moments[number] - time.monotonic()))
                pool.submit(self._send, tokens[number % PEOPLE], f"key-{number}", body)

    def _job(self, number: int, due_in: float) -> dict[str, Any]:
        trouble = number % TROUBLE_EVERY == TROUBLE_EVERY - 1
        return {
            "title": f"Consulta {number}",
            "description": "Sob falhas",
            "cpf_cnpj": self.chance.choice(TROUBLES) if trouble else cnpj(10_000_000 + number),
            "date": (datetime.now(UTC) + timedelta(seconds=due_in)).isoformat(),
            "priority": self.chance.randrange(6),
        }

    def _send(self, token: str, key: str, body: dict[str, Any]) -> None:
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        deadline = time.monotonic() + PATIENCE_SECONDS
        apis = self.suite.apis
        turn = hash(key)
        while time.monotonic() < deadline:
            turn += 1
            answer = self._post(apis[turn % len(apis)] + "/jobs", body, headers)
            if answer is not None:
                with self._lock:
                    self.accepted[key] = answer
                return
            time.sleep(RETRY_SECONDS)
        self.given_up.append(key)

    def _post(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> int | None:
        """Return the job's id if it was accepted; else count why not."""
        try:
            answer = requests.post(url, json=body, headers=headers, timeout=CALL_SECONDS)
            if answer.status_code == CREATED:
                return int(answer.json()["data"]["id"])
            why = str(answer.status_code)
        except requests.RequestException as error:
            why = type(error).__name__
        with self._lock:
            self.refused[why] += 1
        return None

    def _token(self, person: Person) -> str:
        users = self.suite.stack.address("users")
        requests.post(f"{users}/users", json=person.sign_up(), timeout=CALL_SECONDS)
        answer = requests.post(f"{users}/auth", json=person.log_in(), timeout=CALL_SECONDS)
        answer.raise_for_status()
        return str(answer.json()["data"]["token"])

    def log_in_again(self) -> None:
        """Log everyone in, as they did at first; raises what `requests` raises."""
        for number in range(PEOPLE):
            self._token(_person(number))


def _person(number: int) -> Person:
    return Person(
        f"Pessoa Número {number}",
        f"pessoa{number}@empresa.example" if number else UNWANTED,
        cpf(300_000_000 + number),
        "1980-01-01",
        "sob-falhas-nada-se-perde-1",
    )
