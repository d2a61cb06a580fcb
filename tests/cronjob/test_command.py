"""`python -m cronjob` on a real ledger."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.clock import SAO_PAULO, utc_now
from core.ledger.models import Status
from cronjob.__main__ import main
from cronjob.summary import last_due_day
from devstack.servers import ROOT
from tests.waiting import wait_until
from tests.worker.mailer.outage import cut_off
from tests.world import World

DAY = "2031-03-04"
Cronjob = Callable[..., tuple[int, str]]


@pytest.fixture
def cronjob(
    usual_logging: None,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cronjob:
    """Give a runner of the command: arguments in, exit code and what it printed out."""
    url = world.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")

    def run(*arguments: str) -> tuple[int, str]:
        try:
            code = main(list(arguments))
        except SystemExit as ended:
            code = int(ended.code or 0)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SAO_PAULO)


def summaries(world: World) -> dict[str, dict[str, Any]]:
    """Return the context of each summary mail by its recipient."""
    return {mail.recipient: mail.context for mail in world.mails() if mail.kind == "summary"}


def finish(world: World, user: str, status: Status, day: str = f"{DAY} 10:00") -> int:
    """Make a job of that day that has ended."""
    job_id, run_id = world.start(user=user)
    world.settle(run_id, status, error_code="captcha" if status == Status.ERROR else None)
    world.write(
        "UPDATE run SET scheduled_for = :at, started_at = :at, finished_at = :at WHERE id = :id",
        at=at(day),
        id=run_id,
    )
    return job_id


def test_each_user_of_the_day_gets_one_summary(world: World, cronjob: Cronjob) -> None:
    finish(world, "maria", Status.PROCESSED)
    finish(world, "maria", Status.ERROR)
    world.add(user="maria", date=at(f"{DAY} 23:00"))
    world.add(user="joao", date=at(f"{DAY} 08:00"))
    world.add(user="estela", date=at("2031-03-05 08:00"))
    code, told = cronjob("--day", DAY)
    assert code == 0, told
    assert told == f"{DAY}: 2 user(s) with consultations, 2 summary mail(s) queued\n"
    made = summaries(world)
    assert set(made) == {"maria@example.org", "joao@example.org"}
    maria = made["maria@example.org"]
    assert (maria["day"], maria["total"], maria["omitted"]) == (DAY, 3, 0)
    assert {status: n for status, n in maria["counts"].items() if n} == {
        "processed": 1,
        "error": 1,
        "created": 1,
    }
    assert len(maria["jobs"]) == 3
    assert {mail.key for mail in world.mails() if mail.kind == "summary"} == {
        f"summary:maria:{DAY}",
        f"summary:joao:{DAY}",
    }


def test_running_it_again_queues_nothing_new(world: World, cronjob: Cronjob) -> None:
    finish(world, "maria", Status.PROCESSED)
    cronjob("--day", DAY)
    before = world.mails()
    assert cronjob("--day", DAY)[1].endswith("0 summary mail(s) queued\n")
    assert world.mails() == before
    # Nor when more has happened meanwhile; who comes new is not left out.
    finish(world, "maria", Status.PROCESSED)
    finish(world, "joao", Status.PROCESSED)
    assert cronjob("--day", DAY)[1].endswith("1 summary mail(s) queued\n")


def test_several_at_the_same_moment_make_one_summary_each(world: World, cronjob: Cronjob) -> None:
    for user in ("maria", "joao", "estela"):
        finish(world, user, Status.PROCESSED)
    threads = [threading.Thread(target=cronjob, args=("--day", DAY)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([mail for mail in world.mails() if mail.kind == "summary"]) == 3


def test_a_dry_run_shows_and_changes_nothing(world: World, cronjob: Cronjob) -> None:
    finish(world, "maria", Status.PROCESSED)
    finish(world, "maria", Status.ERROR)
    before = world.mails()
    code, told = cronjob("--day", DAY, "--dry-run")
    assert code == 0
    assert "maria@example.org: 2 consultation(s) (error: 1, processed: 1)" in told
    assert f"{DAY}: 1 summary mail(s) would be queued" in told
    assert world.mails() == before
    assert world.rows("SELECT * FROM preference") == []
    assert cronjob("--day", DAY)[1].endswith("1 summary mail(s) queued\n")


@pytest.mark.parametrize(
    ("moment", "belongs"),
    [
        ("2031-03-03 23:59:59.999999", False),
        ("2031-03-04 00:00:00", True),
        ("2031-03-04 23:59:59.999999", True),
        ("2031-03-05 00:00:00", False),
    ],
)
def test_a_day_goes_from_midnight_to_midnight_in_sao_paulo(
    world: World, cronjob: Cronjob, moment: str, *, belongs: bool
) -> None:
    finish(world, "maria", Status.PROCESSED, moment)
    world.add(user="joao", date=at(moment))
    cronjob("--day", DAY)
    assert len(summaries(world)) == (2 if belongs else 0)


def test_without_a_day_it_is_today_s(world: World, cronjob: Cronjob) -> None:
    world.add(user="maria")
    today = datetime.now(SAO_PAULO).date()
    code, told = cronjob()
    assert code == 0
    assert told.startswith(f"{today}: 1 user(s)")


def test_a_day_without_consultations_mails_nobody(world: World, cronjob: Cronjob) -> None:
    code, told = cronjob("--day", DAY)
    assert (code, told) == (0, f"{DAY}: 0 user(s) with consultations, 0 summary mail(s) queued\n")


def test_a_long_day_is_cut_and_counted(world: World, cronjob: Cronjob) -> None:
    for _ in range(53):
        world.add(user="maria", date=at(f"{DAY} 10:00"))
    cronjob("--day", DAY)
    (made,) = summaries(world).values()
    assert (made["total"], made["omitted"], len(made["jobs"])) == (53, 3, 50)


@pytest.mark.parametrize(
    "day", ["", "tomorrow", "2026-02-30", "2026-13-01", "01/07/2026", "2026-7-1", "0", "9999-12-31"]
)
def test_a_day_that_is_none_is_refused(world: World, cronjob: Cronjob, day: str) -> None:
    code, told = cronjob("--day", day)
    assert code == 2
    assert "YYYY-MM-DD" in told


def test_without_a_database_it_ends_with_code_1_and_says_so(
    own_world: World, cronjob: Cronjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own_world.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", url)
    cut_off(own_world.engine)
    for arguments in ((), ("--dry-run",)):
        code, told = cronjob(*arguments)
        assert code == 1
        assert "database does not answer" in told
        assert "Traceback" not in told


def test_without_a_setting_it_ends_with_code_2_and_names_it(
    cronjob: Cronjob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL")
    code, told = cronjob()
    assert code == 2
    assert "setting DATABASE_URL" in told


def test_the_daily_process_makes_up_for_the_last_evening_and_stops_when_told(
    world: World, tmp_path: Path
) -> None:
    last = last_due_day(utc_now())
    finish(world, "maria", Status.PROCESSED, f"{last} 10:00")
    beat = tmp_path / "beat"
    environment = {
        "DATABASE_URL": world.engine.url.render_as_string(hide_password=False),
        "HEARTBEAT_FILE": str(beat),
        "LOG_FORMAT": "json",
    }
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "cronjob", "--daily"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(beat.exists, 60)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    finally:
        child.kill()
        child.wait()
    assert summaries(world)["maria@example.org"]["day"] == str(last)
