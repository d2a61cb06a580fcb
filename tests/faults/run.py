"""One run from its plan to its verdict."""

import random
import threading
import time
from collections.abc import Callable

from tests.faults import audit, plan, suite
from tests.faults.actions import Faults
from tests.faults.audit import Verdict
from tests.faults.load import Load
from tests.faults.suite import Suite


def perform(
    seed: int,
    *,
    jobs: int,
    faults: int,
    load_seconds: float,
    quiet_seconds: float,
    choices: tuple[tuple[str, str], ...] = plan.CHOICES,
    afterwards: Callable[[Suite, Load, Faults], None] | None = None,
) -> Verdict:
    """Start a suite, load it while the faults of the seed happen, and audit what is left.

    Prints the plan and what came of it; `afterwards` gets what was audited. The logs stay in
    `var/` when something is wrong.
    """
    planned = plan.make(seed, faults, load_seconds, choices)
    print(f"seed {seed}: {jobs} jobs in {load_seconds:.0f} s, {len(planned)} faults")
    print("\n".join(f"  {fault}" for fault in planned), flush=True)
    with suite.throwaway() as running:
        load = Load(running, random.Random(seed))
        made = Faults(running, random.Random(seed))
        tokens = load.sign_up()
        began = time.monotonic()
        sending = threading.Thread(target=load.run, args=(tokens, jobs, load_seconds))
        sending.start()
        made.run(planned)
        sending.join()
        made.mend()
        loaded = time.monotonic() - began
        quiet = audit.wait_for_quiet(running, quiet_seconds)
        running.summarise_twice()
        audit.wait_for_quiet(running, quiet_seconds)
        verdict = audit.check(running, load, made)
        verdict.figures |= {
            "accepted": len(load.accepted),
            "answers that were no 201": dict(load.refused),
            "longest SIGTERM to end (s)": round(max(made.stops.values(), default=0.0), 1),
            "load (s)": round(loaded),
            "quiet after (s)": round(quiet),
        }
        verdict.notes += made.troubles
        _print(verdict)
        if verdict.wrong:
            raise LostError(verdict, str(running.home / "log"))
        if afterwards:
            afterwards(running, load, made)
    return verdict


class LostError(AssertionError):
    """The audit found something lost or twice."""

    def __init__(self, verdict: Verdict, logs: str) -> None:
        self.verdict = verdict
        super().__init__("\n".join([*verdict.wrong, f"The logs are in {logs}"]))


def _print(verdict: Verdict) -> None:
    for name, value in verdict.figures.items():
        print(f"  {name:<34} {value}")
    for note in verdict.notes:
        print(f"  note: {note}")
    for wrong in verdict.wrong:
        print(f"  WRONG: {wrong}")
    print("  nothing lost, nothing twice" if not verdict.wrong else "  NOT CLEAN", flush=True)
