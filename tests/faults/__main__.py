"""`python -m tests.faults --seed S --jobs N --faults K`: what `make faults` runs."""

import argparse
import random
import sys
from pathlib import Path

from tests.faults import report
from tests.faults.run import LostError, perform

# So much load that a few faults overlap and the suite comes back to itself between others.
SECONDS_PER_FAULT = 4.0
QUIET_SECONDS = 300.0


def main() -> int:
    """Run once; exit code 1 when something was lost or is there twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--minutes", type=float, help="of load (default: by the faults)")
    parser.add_argument("--write", type=Path, help="the page whose table gets a row")
    options = parser.parse_args()
    seconds = options.minutes * 60 if options.minutes else options.faults * SECONDS_PER_FAULT
    try:
        verdict = perform(
            options.seed,
            jobs=options.jobs,
            faults=options.faults,
            load_seconds=seconds,
            quiet_seconds=QUIET_SECONDS,
        )
    except LostError as lost:
        verdict = lost.verdict
        print(lost, file=sys.stderr)
    if options.write:
        report.add(options.write, options.seed, options.faults, verdict)
    return 1 if verdict.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
