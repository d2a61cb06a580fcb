"""How cost grows with the ledger, with workers and with slots."""

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

from sqlalchemy import Connection, Engine

from agendador.dispatcher import POLL_SECONDS
from bench import jobs, rounds
from bench.dispatch import wait_for_later
from bench.rounds import Finding, Outcome, Picture, Point
from bench.stage import FLASK, Scene, Stage, opened, wait_until
from bench.worker import SLOTS as SHIPPED
from bench.worker import ours
from core.ledger import listings, queries
from core.ledger.listings import Choice
from core.ledger.transitions import PUBLISH_LEASE, due, mails

SIZES = (1_000, 10_000, 100_000, 1_000_000)
REPEATS = 15
DUE = 100
AGEING = timedelta(minutes=30)
PER_PAGE = 20
WORKERS = (1, 2, 3, 4)
SLOTS = (1, 4, 16, 64)
WORKER_JOBS = 1_000
SLOW_SECONDS = 0.1

Query = Callable[[Connection], object]


def run() -> Outcome:
    """Time each hot query as the ledger grows to a million jobs."""
    lines: dict[str, list[Point]] = {name: [] for name in _queries()}
    with opened() as stage, stage.scene() as scene:
        ledger = scene.engine()
        there = 0
        for size in SIZES:
            wait_for_later(scene, size - there)
            there = size
            for name, query in _queries().items():
                lines[name].append((float(size), _milliseconds(ledger, query)))
        ledger.dispose()
    title = "Time of the hot queries as the ledger grows"
    picture = Picture("growth-queries", title, "jobs in the ledger", "ms", lines)
    return Outcome([grown(name, line) for name, line in lines.items()], [picture])


def _queries() -> dict[str, Query]:
    mine = Choice(creator_id="user7")
    return {
        "due jobs": lambda c: due.take_due(c, DUE, AGEING),
        "next moment": lambda c: queries.seconds_to_next_run(c, POLL_SECONDS),
        "one job": lambda c: queries.find_job(c, 8, "user7"),
        "first page": lambda c: listings.list_jobs(c, mine, "-date", PER_PAGE),
        "count": lambda c: listings.count_jobs(c, mine),
        "unsent mails": lambda c: mails.claim_mails(c, PER_PAGE, PUBLISH_LEASE),
    }


def _milliseconds(ledger: Engine, query: Query) -> float:
    """Return the median time of a query that is taken back afterwards."""
    taken = []
    for _ in range(REPEATS):
        with ledger.connect() as connection:
            taken.append(1000 * rounds.seconds(lambda: query(connection)))
            connection.rollback()
    return statistics.median(taken)


def grown(name: str, line: list[Point]) -> Finding:
    """Return how much longer something takes at the largest size than at the smallest."""
    sides = {f"{size:,.0f} jobs": [taken] for size, taken in line}
    return Finding(name, "largest ÷ smallest", "ms", sides, [line[-1][1] / line[0][1]])


def run_scale() -> Outcome:
    """Measure jobs a second with more workers, and with more slots on slow pages."""
    with opened() as stage:
        by_workers = [
            (float(n), _speed(stage, WORKER_JOBS, workers=n, slots=SHIPPED)) for n in WORKERS
        ]
        by_slots = [
            (float(n), _speed(stage, _slow_jobs(n), workers=1, slots=n, delay=SLOW_SECONDS))
            for n in SLOTS
        ]
    return Outcome(
        [_scaled("workers", by_workers), _scaled("slots, pages of 100 ms", by_slots)],
        [
            Picture(
                "growth-workers",
                "Jobs a second with more worker processes",
                "workers",
                "jobs/s",
                {"pages at once": by_workers},
                logarithmic=False,
            ),
            Picture(
                "growth-slots",
                "Jobs a second of one worker with more slots",
                "slots",
                "jobs/s",
                {"pages of 100 ms": by_slots},
            ),
        ],
    )


def _scaled(name: str, line: list[Point]) -> Finding:
    sides = {f"{number:.0f}": [speed] for number, speed in line}
    return Finding(name, "most ÷ fewest", "jobs/s", sides, [line[-1][1] / line[0][1]])


def _slow_jobs(slots: int) -> int:
    """Return enough jobs for that many slots, and few for one, which does some eight a second."""
    return 100 + 10 * slots


def _speed(stage: Stage, count: int, workers: int, slots: int, delay: float = 0.0) -> float:
    """Return the jobs a second from the first page to the last result, mails left out.

    The jobs come when every worker waits for them, all within a moment.
    """
    with stage.scene() as scene, ExitStack() as running:
        stage.far(f"/reset?delay={delay}&keep=0")
        command = ours(slots).commands[0]
        for _ in range(workers):
            running.enter_context(scene.process(*command, env=ours(slots).env))
        wait_until(lambda: _waiting(scene) == workers, "every worker waits for jobs")
        jobs.insert(scene, jobs.make(count))
        window = {"DISPATCH_WINDOW": str(jobs.WINDOW)}
        running.enter_context(scene.process(*FLASK, "dispatch", env=window))
        wait_until(lambda: _done(scene) == count, "all jobs are processed")
        ended = scene.value("SELECT extract(epoch FROM max(finished_at)) FROM run")
        return float(count / (float(ended) - stage.far("/stats")["first_page"]))


def _waiting(scene: Scene) -> int:
    return int(scene.value("SELECT count(*) FROM worker_seen WHERE kind = 'lookups'"))


def _done(scene: Scene) -> int:
    return int(scene.value("SELECT count(*) FROM run WHERE status = 'processed'"))
