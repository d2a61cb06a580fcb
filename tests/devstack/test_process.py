"""Background programs: readiness, failures that explain themselves, and ending only one's own."""

import json
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from devstack.process import DevstackError, NotReadyError, Program, end_all
from tests.waiting import wait_until

FOR_EVER = "import time; print('here I am', flush=True); time.sleep(600)"
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('deaf', flush=True); time.sleep(600)"
)
PARENT = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', "
    "'import time; time.sleep(600)']); print(child.pid, flush=True); time.sleep(600)"
)


def python(home: Path, code: str, name: str = "sleeper", within: float = 10) -> Program:
    """Return a program that is ready once it has printed something."""

    def has_spoken() -> None:
        if not program.log.read_text():
            raise NotReadyError("it is silent")

    program = Program(
        name=name,
        command=(sys.executable, "-c", code),
        home=home,
        ready=has_spoken,
        start_within=within,
        stop_within=1,
    )
    return program


def test_a_started_program_is_ready_and_a_stopped_one_is_gone(tmp_path: Path) -> None:
    program = python(tmp_path, FOR_EVER)

    program.start()
    process = program.process()
    program.stop()

    assert process is not None
    assert not process.is_running()
    assert program.process() is None
    assert program.log.read_text() == "here I am\n"


def test_another_process_can_stop_it_by_its_record(tmp_path: Path) -> None:
    python(tmp_path, FOR_EVER).start()

    python(tmp_path, FOR_EVER).stop()

    assert python(tmp_path, FOR_EVER).process() is None


def test_a_program_that_ends_while_starting_is_an_error_with_its_last_words(
    tmp_path: Path,
) -> None:
    program = python(tmp_path, "raise SystemExit('no setting X')")

    def never() -> None:
        raise NotReadyError("no")

    doomed = Program(name="doomed", command=program.command, home=tmp_path, ready=never)
    with pytest.raises(DevstackError, match=r"doomed ended while starting(.|\n)*no setting X"):
        doomed.start()


def test_a_program_that_is_never_ready_is_an_error_that_says_why(tmp_path: Path) -> None:
    program = python(tmp_path, "import time; time.sleep(600)", within=0.2)

    with pytest.raises(DevstackError, match="it is silent"):
        program.start()

    program.kill()


def test_a_program_deaf_to_sigterm_is_killed_after_a_bound(tmp_path: Path) -> None:
    program = python(tmp_path, DEAF)
    program.start()

    began = time.monotonic()
    program.stop()

    assert program.process() is None
    assert 0.9 < time.monotonic() - began < 5


def test_killing_a_program_kills_its_children(tmp_path: Path) -> None:
    program = python(tmp_path, PARENT)
    program.start()
    child = psutil.Process(int(program.log.read_text()))

    program.kill()

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_process_that_took_over_the_id_is_left_alone(tmp_path: Path) -> None:
    stranger = python(tmp_path / "other", FOR_EVER, name="stranger")
    stranger.start()
    process = stranger.process()
    assert process is not None
    mine = python(tmp_path, FOR_EVER)
    mine.record.parent.mkdir(parents=True)
    mine.record.write_text(json.dumps({"pid": process.pid, "started": 1.0}))

    mine.stop()

    assert process.is_running()
    stranger.kill()


def test_everything_of_a_home_can_be_ended_at_once(tmp_path: Path) -> None:
    programs = [python(tmp_path, FOR_EVER, name=name) for name in ("one", "two")]
    for program in programs:
        program.start()

    end_all(tmp_path)

    assert [program.process() for program in programs] == [None, None]


def test_a_program_gets_the_signal_that_it_wants(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time; "
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(print('bye', flush=True))); "
        "print('hello', flush=True); time.sleep(600)"
    )
    polite = python(tmp_path, code)
    program = Program(
        name=polite.name,
        command=polite.command,
        home=tmp_path,
        ready=polite.ready,
        stop_signal=signal.SIGINT,
    )
    program.start()

    program.stop()

    assert program.log.read_text() == "hello\nbye\n"
