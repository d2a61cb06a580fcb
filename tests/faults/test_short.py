"""A short run with a plan that is always the same; `make faults` has the long ones."""

import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from tests.faults import audit, clock, plan
from tests.faults.actions import Faults
from tests.faults.load import Load
from tests.faults.run import perform
from tests.faults.suite import Suite

SEED = 21_887_250


def test_nothing_is_lost_or_made_twice_while_processes_and_servers_die() -> None:
    verdict = perform(
        SEED,
        jobs=150,
        faults=10,
        load_seconds=20,
        quiet_seconds=60,
        choices=plan.QUICK,
        afterwards=_see_that_the_audit_finds_what_is_wrong,
    )
    assert verdict.figures["processed"] > 0
    # Of the plan's refusals and of its clock that jumps ahead there was something to see.
    assert verdict.figures["mails tried more than once"] > 0
    assert verdict.figures["sent before they were due"] > 0


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan.make(7, 40, 160.0) == plan.make(7, 40, 160.0)
    assert plan.make(7, 40, 160.0) != plan.make(8, 40, 160.0)


@pytest.mark.skipif(clock.LIBRARY is None, reason="libfaketime is missing")
def test_a_clock_jumps_while_a_process_lives_by_it(tmp_path: Path) -> None:
    misled = clock.Clock(tmp_path / "clock")
    misled.jump(clock.RIGHT)
    asks = "import time\nwhile True: input(); print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, "-c", asks],
        env={**os.environ, **misled.settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def off() -> float:
            """Return by how much its clock is ahead; what it measures time with stays right."""
            assert process.stdin is not None
            assert process.stdout is not None
            print(file=process.stdin, flush=True)
            now, measured = map(float, process.stdout.readline().split())
            assert measured == pytest.approx(time.monotonic(), abs=60)
            return now - time.time()

        try:
            for offset, seconds in (("+0", 0), ("+1d", 86_400), ("-1h", -3_600), ("+0", 0)):
                misled.jump(offset)
                assert off() == pytest.approx(seconds, abs=60)
        finally:
            process.kill()


def _see_that_the_audit_finds_what_is_wrong(suite: Suite, load: Load, faults: Faults) -> None:
    """Lose a result, a job, a mail, bring one twice, give one up, begin too early: each is told."""
    with closing(psycopg2.connect(suite.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM result WHERE id = (SELECT max(id) FROM result)")
        cursor.execute("DELETE FROM job WHERE id = (SELECT min(id) FROM job)")
        cursor.execute(
            "UPDATE mail SET sent_at = NULL, failed_at = now(), last_error = 'content: 451 later'"
            " WHERE id = (SELECT min(id) FROM mail)"
        )
        cursor.execute(
            "UPDATE job SET date = run.started_at + interval '1 ms' FROM run"
            " WHERE run.job_id = job.id AND job.id = (SELECT max(id) FROM job)"
        )
        connection.commit()
    lost, doubled = sorted((suite.home / "inbox").glob("*.json"))[-2:]
    lost.unlink()
    doubled.with_name(f"again-{doubled.name}").write_bytes(doubled.read_bytes())
    found = "\n".join(audit.check(suite, load, faults).wrong)
    for what in (
        "1 processed runs without exactly one result",
        "1 accepted jobs that are lost",
        "1 mails missing in the inbox",
        "1 mails given up that the plan does not explain",
        "1 runs made or begun before their job was due",
        "mail twice without a reason",
    ):
        assert what in found
