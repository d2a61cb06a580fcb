"""`python -m tests.worker.poisoned`: the real worker, but some companies are poison to it.

What a bug of a parser written in C could do, which no known page does: kill the process, hold its
thread for ever, or hold the whole interpreter.
"""

import os
import re
import signal
import threading

from core import logs, settings
from tests.people import cnpj
from worker import lookups
from worker.settings import LookupSettings
from worker.sources.chain import Finding, build_chain

DEADLY = cnpj(66_600_001)
ENDLESS = cnpj(66_600_002)
HOLDING = cnpj(66_600_003)


class Poisoned:
    """The chain of sources, but for the companies above."""

    def __init__(self, config: LookupSettings) -> None:
        self._chain = build_chain(config)

    def lookup(self, number: str) -> Finding:
        """Look the company up, unless it is poison."""
        if number == DEADLY:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == ENDLESS:
            threading.Event().wait()
        if number == HOLDING:
            # The interpreter is held until this is done: in the year 3000 or so.
            re.match(r"(a+)+$", "a" * 60 + "b")
        return self._chain.lookup(number)


def main() -> None:
    """Work until the process is ended."""
    lookups.SPARE_SECONDS = 0.5
    lookups.STUCK_SECONDS = 2.0
    config = settings.load(LookupSettings)
    logs.configure(config, "worker-lookups")
    lookups.Lookups(config, Poisoned(config)).run(threading.Event())


if __name__ == "__main__":
    main()
