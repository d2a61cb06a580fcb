"""The whole suite on servers of its own, a browser, and people who are logged in."""

import contextlib
import itertools
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
from apiflask import APIFlask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from devstack import homes, ports
from devstack.servers import PORTS
from devstack.stack import PUBLIC_PORTS, Stack
from tests.people import MARIA, Person, cpf
from tests.waiting import wait_until
from web.app import create_app

TIMEOUT_SECONDS = 20
TIMEOUT_MS = 15_000
CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=pt-BR",
)
HOSTILE = """<script>alert(1)</script>"'&"""

_numbers = itertools.count(100_000_001)


@pytest.fixture(scope="session")
def suite() -> Iterator[Stack]:
    """Start everything but the daily summary."""
    with homes.throwaway("pages") as home, pytest.MonkeyPatch.context() as settings:
        # People sign up and log in here faster than people do.
        settings.setenv("RATE_SIGN_UP", "100000 per hour")
        stack = Stack(home, ports.remembered(home, (*PUBLIC_PORTS, *PORTS)))
        settings.setenv("WEB_URL", stack.address("web"))
        stack.up(without=("cronjob",))
        yield stack


@pytest.fixture(scope="session")
def web(suite: Stack) -> str:
    """Give the address of the pages."""
    return suite.address("web")


@pytest.fixture
def app(suite: Stack, monkeypatch: pytest.MonkeyPatch) -> APIFlask:
    """Make the pages' app in this process, for what only it knows of itself."""
    monkeypatch.setenv("SECRET_KEY", "0123456789abcdef")
    monkeypatch.setenv("BROKER_URL", suite.servers.broker_url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    return create_app()


@dataclass(frozen=True)
class Account:
    """Somebody with an account, who can also call the APIs."""

    person: Person
    suite: Stack
    tokens: dict[str, str]

    def call(self, method: str, path: str, **how: Any) -> Any:
        """Call the agendador and return the data."""
        answer = requests.request(
            method,
            self.suite.address("agendador") + path,
            headers={"Authorization": f"Bearer {self.tokens['token']}"},
            timeout=TIMEOUT_SECONDS,
            **how,
        )
        answer.raise_for_status()
        return answer.json()["data"]

    def schedule(self, cnpj: str, **fields: Any) -> dict[str, Any]:
        """Schedule a job and return it."""
        usual = {"title": "Fornecedor de aço", "date": "2030-01-15T08:00", "cpf_cnpj": cnpj}
        job: dict[str, Any] = self.call("POST", "/jobs", json=usual | fields)
        return job

    def log_in(self, context: BrowserContext) -> None:
        """Let a browser have the cookies of this account."""
        address = self.suite.address("web")
        context.add_cookies(
            [
                {"name": "access", "value": self.tokens["token"], "url": address},
                {"name": "refresh", "value": self.tokens["refresh"], "url": address},
            ]
        )


def somebody() -> Person:
    """Return a person whom nobody knows yet."""
    number = next(_numbers)
    return replace(MARIA, email=f"maria{number}@empresa.example", cpf_cnpj=cpf(number))


@pytest.fixture
def maria(suite: Stack) -> Account:
    """Give somebody with a fresh account."""
    person = somebody()
    users = suite.address("users")
    requests.post(
        f"{users}/users", json=person.sign_up(), timeout=TIMEOUT_SECONDS
    ).raise_for_status()
    answer = requests.post(f"{users}/auth", json=person.log_in(), timeout=TIMEOUT_SECONDS)
    answer.raise_for_status()
    return Account(person, suite, answer.json()["data"])


@pytest.fixture(scope="session")
def ana(suite: Stack) -> Account:
    """Give an administrator."""
    email, password = "ana@empresa.example", "jabuticaba-no-pe-9"
    create = (sys.executable, "-m", "flask", "--app", "users.app", "createsuperuser")
    suite.run((*create, "Ana Souza", email, password))
    answer = requests.post(
        suite.address("users") + "/auth",
        json={"email": email, "password": password},
        timeout=TIMEOUT_SECONDS,
    )
    answer.raise_for_status()
    person = replace(MARIA, full_name="Ana Souza", email=email, password=password)
    return Account(person, suite, answer.json()["data"])


@pytest.fixture
def error_event(maria: Account, ana: Account) -> str:
    """Give the id of an error event with hostile content."""
    marker = uuid.uuid4().hex
    with contextlib.suppress(requests.HTTPError):
        maria.schedule("123", title=f"{HOSTILE} {marker}")

    def found() -> str:
        events = ana.call("GET", "/admin/errors", params={"kind": "payload", "limit": 500})
        return next((event["id"] for event in events if marker in event["text"]), "")

    return wait_until(found)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a browser."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: make browser")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, web: str) -> Iterator[Open]:
    """Give a maker of pages; what goes wrong on one, or leaves this machine, fails the test."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def make(account: Account | None = None, **options: Any) -> Page:
        usual = {"locale": "pt-BR", "timezone_id": "America/Sao_Paulo"}
        context = browser.new_context(base_url=web, **(usual | options))
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        if account is not None:
            account.log_in(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on("console", lambda line: _note(wrong, line.type, line.text))
        page.on(
            "request", lambda sent: None if sent.url.startswith(web) else wrong.append(sent.url)
        )
        return page

    yield make
    for context in contexts:
        context.close()
    assert not wrong


def _note(wrong: list[str], kind: str, text: str) -> None:
    # The browser reports each answer of 4xx; tests of those look at the answer itself.
    if kind in {"error", "warning"} and "the server responded with a status of 4" not in text:
        wrong.append(text)
