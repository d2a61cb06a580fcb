"""What goes wrong in a run, and when: the same seed gives the same plan."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from tests.faults.clock import JUMPS
from tests.faults.impostor import ANSWERS
from tests.faults.network import LINES, SIDES, line
from tests.faults.refusals import REFUSALS

SERVICES = (
    *("users", "agendador", "agendador-2", "dispatcher", "dispatcher-2"),
    *("worker", "worker-2", "mailer", "mailer-2"),
)
# The one whose clock is put wrong.
MISLED = "dispatcher-2"
# All of them at once.
EVERYTHING = "everything"
# Each kind of fault with what it can happen to. `kill` is SIGKILL, `stop` the orderly signal (a
# fast shutdown of PostgreSQL), `freeze` SIGSTOP and SIGCONT: a process or server that hangs.
CHOICES = (
    *(("kill", name) for name in SERVICES),
    *(("stop", name) for name in SERVICES),
    *(("freeze", name) for name in ("dispatcher", "worker", "mailer", "inbox", "registry")),
    *(("kill", name) for name in ("rabbitmq", "postgres", "inbox")),
    *(("stop", name) for name in ("rabbitmq", "postgres", "mongo", "inbox", "registry")),
    *(("stop_app", "rabbitmq"), ("alarm", "rabbitmq"), ("delete_queue", "rabbitmq")),
    *(("repeat", "rabbitmq"), ("garbage", "rabbitmq")),
    *(("slow", "registry"), ("fail", "registry"), ("refuse", "registry")),
    *((kind, name) for kind in ("cut", "delay", "mute") for name in LINES),
    *((kind, line("registry", side)) for kind in ANSWERS for side in SIDES),
    *(("last_words", line("smtp", side)) for side in SIDES),
    *((kind, line("smtp", side)) for kind in REFUSALS for side in SIDES),
    *((kind, MISLED) for kind in JUMPS),
    *(("disk", "rabbitmq"), ("stop", EVERYTHING)),
)
# Those after which the suite is quiet again within half a minute: no lease, no circuit breaker
# and no mail that was put off twice has to be waited for.
QUICK = (
    *(("kill", name) for name in SERVICES if not name.startswith("mailer")),
    *(("stop", name) for name in SERVICES),
    ("stop", EVERYTHING),
    *(("kill", name) for name in ("rabbitmq", "postgres")),
    *(("stop", name) for name in ("postgres", "mongo")),
    *(("stop_app", "rabbitmq"), ("alarm", "rabbitmq")),
    *(("repeat", "rabbitmq"), ("garbage", "rabbitmq"), ("slow", "registry")),
    *(("cut", line(server)) for server in ("postgres", "rabbitmq", "mongo")),
    *(("delay", line(server)) for server in ("postgres", "rabbitmq")),
    *((kind, line("smtp")) for kind in REFUSALS),
    *((kind, MISLED) for kind in JUMPS),
)
SHORTEST_SECONDS = 0.2
LONGEST_SECONDS = 5.0
# The load begins before the first fault and goes on after the last one.
FIRST_PART = 0.05
LAST_PART = 0.95


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: `at` seconds after the load began, for `seconds`."""

    at: float
    kind: str
    target: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.at:6.1f} s  {self.kind:<13}{self.target:<14}for {self.seconds:.1f} s"


def make(
    seed: int, faults: int, load_seconds: float, choices: tuple[tuple[str, str], ...] = CHOICES
) -> list[Fault]:
    """Return the faults of a seed, first to last, spread over the load.

    Every choice comes once before any comes again.
    """
    chance = random.Random(seed)
    chosen = list(islice(_forever(chance, choices), faults))
    begin, end = FIRST_PART * load_seconds, LAST_PART * load_seconds
    moments = sorted(chance.uniform(begin, end) for _ in chosen)
    return [
        Fault(at, kind, target, chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
        for at, (kind, target) in zip(moments, chosen, strict=True)
    ]


def _forever(
    chance: random.Random, choices: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, str]]:
    while True:
        yield from chance.sample(choices, len(choices))
