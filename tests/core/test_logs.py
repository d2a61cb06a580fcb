import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog

from core import logs
from core.settings import Settings

pytestmark = pytest.mark.usefixtures("usual_logging")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    told = capsys.readouterr()
    assert told.out == ""
    return [json.loads(line) for line in told.err.splitlines()]


def test_outside_a_terminal_every_line_is_json_with_what_is_bound(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(Settings(), "worker")
    with structlog.contextvars.bound_contextvars(request_id="r-1", job_id=7):
        logs.logger("some.module").info("page_fetched", ms=12)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "service": "worker",
        "event": "page_fetched",
        "level": "info",
        "logger": "some.module",
        "request_id": "r-1",
        "job_id": 7,
        "ms": 12,
    }


def test_lines_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(), "users")
    with structlog.contextvars.bound_contextvars(request_id="r-2"):
        logging.getLogger("urllib3").warning("retry %d of %d", 1, 3)
    (line,) = lines(capsys)
    assert line["event"] == "retry 1 of 3"
    assert line["request_id"] == "r-2"
    assert line["service"] == "users"
    assert line["level"] == "warning"


def test_a_line_that_cannot_be_written_stops_nobody() -> None:
    program = """if True:
        from core import logs, settings
        logs.configure(settings.Settings(), "worker")
        logs.logger("some.module").info("page_fetched")
        print("went on")"""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 (our own program)
            [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert done.stdout == b"went on\n"


def test_an_exception_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(), "users")
    try:
        int("gone")
    except ValueError:
        logs.logger(__name__).exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: invalid literal" in line["exception"]


def test_what_json_does_not_know_becomes_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(), "users")
    logs.logger(__name__).info("odd\nline", what={1}, accent="ção")
    (line,) = lines(capsys)
    assert line["event"] == "odd\nline"
    assert line["what"] == "{1}"
    assert line["accent"] == "ção"


def test_threads_do_not_share_what_is_bound(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(), "worker")
    with structlog.contextvars.bound_contextvars(run_id="mine"):
        other = threading.Thread(target=lambda: logs.logger("t").info("theirs"))
        other.start()
        other.join()
    (line,) = lines(capsys)
    assert "run_id" not in line


def test_the_level_holds_back_what_is_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_level="ERROR"), "users")
    logs.logger(__name__).warning("unimportant")
    logs.logger(__name__).error("important")
    assert [line["event"] for line in lines(capsys)] == ["important"]


def test_configuring_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(), "users")
    logs.configure(Settings(), "agendador")
    logs.logger("another").info("once")
    assert [line["service"] for line in lines(capsys)] == ["agendador"]


def test_a_terminal_gets_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="console"), "users")
    logs.logger(__name__).info("readable", job_id=7)
    told = capsys.readouterr().err
    assert "readable" in told
    assert not told.startswith("{")


def test_a_terminal_shows_no_local_variable_of_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(Settings(log_format="console"), "users")
    password = "girassol no quintal".replace(" ", "-")
    try:
        int(password.encode()[:0])
    except ValueError:
        logs.logger(__name__).exception("failed")
    told = capsys.readouterr().err
    assert "ValueError" in told
    assert password not in told
