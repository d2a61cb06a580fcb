"""`python -m worker assisted` with a person who sits before its browser."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page

from devstack import ports
from devstack.registry import FORM, reserved
from devstack.servers import ROOT
from tests.waiting import wait_until
from tests.web.conftest import CHROMIUM, FLAGS, Account

SLOW_MACHINE_SECONDS = 60.0
COMMAND = (sys.executable, "-m", "worker", "assisted")


@pytest.fixture
def waiting(maria: Account) -> list[dict[str, Any]]:
    """Give two jobs that ended in a captcha."""
    jobs = [maria.schedule(reserved.CAPTCHA, title=f"Com captcha {n}") for n in "12"]
    for job in jobs:
        maria.call("POST", f"/job/{job['id']}/run")
    wait_until(lambda: len(maria.call("GET", "/jobs/waiting")) == 2, SLOW_MACHINE_SECONDS)
    return jobs


def settings(maria: Account, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "USERS_URL": maria.suite.address("users"),
        "AGENDADOR_URL": maria.suite.address("agendador"),
        "OFFICIAL_PAGE_URL": maria.suite.servers.registry_form,
        **more,
    }


class Person:
    """Somebody who sees the command's browser, through a door that only this test opens."""

    def __init__(self, browser: Browser, port: int) -> None:
        self._kind = browser.browser_type
        self._door = f"http://127.0.0.1:{port}"

    def page(self) -> Page:
        """Wait for the official page."""
        found: Page = wait_until(self._look, SLOW_MACHINE_SECONDS)
        return found

    def pass_check(self) -> None:
        page = self.page()
        with page.expect_event("close", timeout=SLOW_MACHINE_SECONDS * 1000):
            page.get_by_role("button", name="Sou uma pessoa").click()

    def _look(self) -> Any:
        # A new look each time: what opens later is not told to who does not wait for it.
        try:
            seen = self._kind.connect_over_cdp(self._door)
        except Error:
            return None
        pages = (page for context in seen.contexts for page in context.pages)
        return next((page for page in pages if FORM in page.url), None)


@contextmanager
def assisted(
    folder: Path, browser: Browser, maria: Account
) -> Iterator[tuple["subprocess.Popen[str]", Person]]:
    """Run the command with a browser that is as visible as this machine allows."""
    (port,) = ports.free(1)
    program = folder / "browser"
    flags = " ".join((*FLAGS, "--headless=new", f"--remote-debugging-port={port}"))
    program.write_text(f'#!/bin/sh\nexec {CHROMIUM} {flags} "$@"\n')
    program.chmod(0o755)
    with subprocess.Popen(  # noqa: S603 our own command
        (*COMMAND, "--browser", str(program), "--email", maria.person.email),
        cwd=ROOT,
        env=settings(maria),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # without a terminal, it reads the password from its input
    ) as running:
        assert running.stdin is not None
        running.stdin.write(f"{maria.person.password}\n")
        running.stdin.flush()
        try:
            yield running, Person(browser, port)
        finally:
            running.kill()


def test_a_person_passes_the_check_of_one_job_and_skips_another(
    browser: Browser, maria: Account, waiting: list[dict[str, Any]], tmp_path: Path
) -> None:
    first, second = waiting
    with assisted(tmp_path, browser, maria) as (running, person):
        person.pass_check()
        person.page().close()
        said, _ = running.communicate(timeout=SLOW_MACHINE_SECONDS)

    assert "1/2 Com captcha 1: 99.990.002/0001-32" in said
    assert "1 de 2 páginas enviadas." in said
    assert running.returncode == 1, said
    wait_until(
        lambda: maria.call("GET", f"/job/{first['id']}")["status"] == "processed",
        SLOW_MACHINE_SECONDS,
    )
    (result,) = maria.call("GET", "/results")
    assert (result["job_id"], result["cnpj"]) == (first["id"], reserved.CAPTCHA)
    assert [job["id"] for job in maria.call("GET", "/jobs/waiting")] == [second["id"]]


def run(maria: Account, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 our own command
        (*COMMAND, *arguments),
        cwd=ROOT,
        env=settings(maria, AGENDADOR_TOKEN=maria.tokens["token"]) | more,
        capture_output=True,
        text=True,
        timeout=SLOW_MACHINE_SECONDS,
        check=False,
    )


def test_nothing_to_do_opens_no_browser(maria: Account) -> None:
    done = run(maria)
    assert (done.returncode, done.stdout) == (0, "Nenhuma consulta espera por você.\n")


def test_a_browser_that_is_not_there_is_told_with_the_way_out(
    maria: Account, waiting: list[dict[str, Any]]
) -> None:
    done = run(maria, "--browser", "/nowhere/chromium")
    assert done.returncode == 2
    assert "playwright install chromium" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_that_is_no_good_or_a_service_that_is_away_is_told(maria: Account) -> None:
    refused = run(maria, AGENDADOR_TOKEN="x")
    away = run(maria, AGENDADOR_URL="http://127.0.0.1:9")

    assert (refused.returncode, away.returncode) == (1, 1)
    assert "Traceback" not in refused.stderr + away.stderr
    assert "http://127.0.0.1:9/jobs/waiting não respondeu" in away.stderr


def test_without_playwright_it_says_how_to_install_it() -> None:
    # A module that is None in there is one that is not installed (importlib).
    hide = "import sys; sys.modules['playwright'] = None; import worker.__main__ as command; "
    done = subprocess.run(  # noqa: S603 our own command
        (sys.executable, "-c", hide + "sys.exit(command.main(['assisted']))"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SLOW_MACHINE_SECONDS,
        check=False,
    )
    assert done.returncode == 2
    assert "pip install 'agendador-de-consulta-cnpj[assisted]'" in done.stderr
