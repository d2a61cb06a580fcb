"""A short run with a plan that is always the same; `make faults` has the long ones."""

from tests.faults import plan
from tests.faults.run import perform

SEED = 20_261_124


def test_nothing_is_lost_or_made_twice_while_processes_and_servers_die() -> None:
    verdict = perform(
        SEED, jobs=150, faults=10, load_seconds=30, quiet_seconds=60, choices=plan.QUICK
    )
    assert verdict.figures["processed"] > 0


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan.make(7, 40, 160.0) == plan.make(7, 40, 160.0)
    assert plan.make(7, 40, 160.0) != plan.make(8, 40, 160.0)
