"""`make backup` and `make restore` (without make): nothing is missing, and queued work goes on."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from core.clock import utc_now
from devstack import backup, homes, ports, stack
from devstack.process import DevstackError
from devstack.stack import PUBLIC_PORTS, Stack
from tests.clients import Registry
from tests.devstack.test_commands import devstack
from tests.people import MARIA, cnpj
from tests.waiting import wait_until
from worker.settings import LookupSettings

SECONDS = 30
LONG = 90.0
SLOTS = LookupSettings.model_fields["lookup_slots"].default
DONE, WAITING = 3, SLOTS + 4


@contextmanager
def suite_at(home: Path) -> Iterator[Stack]:
    """Give a home's stack on free ports; whatever still runs in it ends with the block."""
    home.mkdir(exist_ok=True)
    try:
        yield stack.new(home, dict(zip(PUBLIC_PORTS, ports.free(len(PUBLIC_PORTS)), strict=True)))
    finally:
        homes.discard(home, keep="log")


def token_of(suite: Stack) -> str:
    answer = requests.post(
        suite.address("users") + "/auth", json=MARIA.log_in(), timeout=SECONDS
    ).json()
    return str(answer["data"]["token"])


def jobs_of(suite: Stack, token: str) -> dict[int, str]:
    answer = requests.get(
        suite.address("agendador") + "/jobs?per_page=100",
        headers={"Authorization": f"Bearer {token}"},
        timeout=SECONDS,
    )
    return {job["id"]: job["status"] for job in answer.json()["data"]["items"]}


def schedule(suite: Stack, token: str, numbers: range) -> None:
    for number in numbers:
        job: dict[str, Any] = {
            "title": f"Consulta {number}",
            "description": "",
            "cpf_cnpj": cnpj(number),
            "date": utc_now().isoformat(),
        }
        answer = requests.post(
            suite.address("agendador") + "/jobs",
            json=job,
            headers={"Authorization": f"Bearer {token}"},
            timeout=SECONDS,
        )
        assert answer.status_code == requests.codes.created


def all_are(suite: Stack, token: str, status: str, count: int) -> None:
    wait_until(
        lambda: list(jobs_of(suite, token).values()).count(status) == count,
        LONG,
        because=f"not {count} are {status}",
    )


def test_a_backup_brings_everything_back_and_queued_work_goes_on(tmp_path: Path) -> None:
    home, other = tmp_path / "one", tmp_path / "other"
    with suite_at(home) as suite:
        suite.up(without=("web", "mailer", "cronjob"))
        requests.post(suite.address("users") + "/users", json=MARIA.sign_up(), timeout=SECONDS)
        token = token_of(suite)
        schedule(suite, token, range(DONE))
        all_are(suite, token, "processed", DONE)
        Registry(suite.address("registry"), "").behave(delay_ms=60_000)
        schedule(suite, token, range(100, 100 + WAITING))
        all_are(suite, token, "processing", SLOTS)
        made = devstack("--home", str(home), "backup")
        assert made.returncode == 0, made.stderr
        before = jobs_of(suite, token)
        folder = shutil.copytree(backup.newest(home), tmp_path / "kept")
    assert f"{DONE + WAITING} jobs and 1 accounts" in made.stdout
    assert folder.stat().st_mode & 0o077 == 0

    with suite_at(other) as suite:
        here = "--home", str(other), "restore", str(folder)
        tried = devstack(*here, "--dry-run")
        assert "Nothing was changed" in tried.stdout, tried.stderr
        assert not (other / "postgres").exists()
        restored = devstack(*here)
        assert restored.returncode == 0, restored.stdout + restored.stderr

        again = devstack(*here)
        assert again.returncode == 1
        assert f"holds {DONE + WAITING} jobs and 1 accounts, which would be lost" in again.stderr
        assert devstack(*here, "--force").returncode == 0

        suite.up(without=("web", "mailer", "cronjob"))
        # The token of the other suite: its keys came along.
        assert jobs_of(suite, token).keys() == before.keys()
        all_are(suite, token, "processed", DONE + WAITING)
        assert token_of(suite)
        refused = devstack(*here)
        assert "The suite runs" in refused.stderr


def test_a_backup_that_is_not_as_it_was_made_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    with pytest.raises(DevstackError, match="is no backup"):
        backup.verify(folder)
    (folder / backup.LEDGER).write_bytes(b"half of it")
    (folder / backup.MANIFEST).write_text(
        '{"jobs": 1, "accounts": 1, "files": {"ledger.dump": "0"}}'
    )
    with pytest.raises(DevstackError, match=r"is damaged: ledger\.dump"):
        backup.verify(folder)
