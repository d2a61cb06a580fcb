"""A short run with a plan that is always the same; `make faults` has the long ones."""

from contextlib import closing

import psycopg2

from tests.faults import audit, plan
from tests.faults.actions import Faults
from tests.faults.load import Load
from tests.faults.run import perform
from tests.faults.suite import Suite

SEED = 20_261_339


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


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan.make(7, 40, 160.0) == plan.make(7, 40, 160.0)
    assert plan.make(7, 40, 160.0) != plan.make(8, 40, 160.0)


def _see_that_the_audit_finds_what_is_wrong(suite: Suite, load: Load, faults: Faults) -> None:
    """Lose a result, a job and a mail, and bring another mail twice: the audit tells of each."""
    with closing(psycopg2.connect(suite.dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM result WHERE id = (SELECT max(id) FROM result)")
        cursor.execute("DELETE FROM job WHERE id = (SELECT min(id) FROM job)")
        connection.commit()
    lost, doubled = sorted((suite.home / "inbox").glob("*.json"))[-2:]
    lost.unlink()
    doubled.with_name(f"again-{doubled.name}").write_bytes(doubled.read_bytes())
    found = "\n".join(audit.check(suite, load, faults).wrong)
    for what in (
        "1 processed runs without exactly one result",
        "1 accepted jobs that are lost",
        "1 mails missing in the inbox",
        "mail twice without a reason",
    ):
        assert what in found
