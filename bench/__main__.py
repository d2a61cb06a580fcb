"""Runs the benchmarks: `python -m bench [NAME ...]`; without a name, all of them."""

import argparse
import signal
import sys
import time
from collections.abc import Callable

from bench import (
    api,
    dispatch,
    growth,
    growth_pages,
    latency,
    ledger,
    parser,
    report,
    summary,
    web,
    worker,
)
from bench.rounds import Outcome

BENCHMARKS: dict[str, Callable[[], Outcome]] = {
    "worker": worker.run,
    "worker-slow": worker.run_slow,
    "parser": parser.run,
    "api": api.run,
    "dispatch": dispatch.run,
    "delay": dispatch.run_delay,
    "latency": latency.run,
    "summary": summary.run,
    "ledger": ledger.run,
    "pages": web.run,
    "growth": growth.run,
    "growth-pages": growth_pages.run,
    "scale": growth.run_scale,
}


def main() -> None:
    """Run what the arguments name, print each table, and write the results and the page."""
    reader = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=_listed(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("names", nargs="*", metavar="NAME", help="one of those below")
    chosen = reader.parse_args().names or list(BENCHMARKS)
    unknown = set(chosen) - set(BENCHMARKS)
    if unknown:
        reader.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    # Told to stop, it still ends the servers that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    for name in chosen:
        print(f"{name} ...", flush=True)
        began = time.monotonic()
        report.keep(name, BENCHMARKS[name]())
        print(report.table(name, report.load()))
        print(f"({time.monotonic() - began:.0f} s)\n", flush=True)
    report.write_page()


def _listed() -> str:
    return "\n".join(
        f"  {name:13} {(run.__doc__ or '').partition(chr(10))[0]}"
        for name, run in BENCHMARKS.items()
    )


if __name__ == "__main__":
    main()
