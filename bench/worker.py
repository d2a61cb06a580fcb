"""Jobs a second from a full queue to the last mail, ours against Celery and Dramatiq."""

import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from bench import jobs, rounds
from bench.rounds import Finding, Outcome
from bench.stage import Scene, Stage, cpu_seconds, memory, opened, wait_until
from worker.settings import LookupSettings

JOBS = 1_000
# What we ship.
SLOTS = LookupSettings.model_fields["lookup_slots"].default
TARGET = 3.0
SLOW_JOBS = 400
SLOW_SECONDS = 0.2
SLOW_SLOTS = 64
SLOW_TARGET = 1.5
PYTHON = sys.executable
QUICK = "--without-gossip", "--without-mingle", "--without-heartbeat"


@dataclass(frozen=True)
class Contender:
    """A way to do the jobs: its processes, and how its queue is filled and its work counted.

    `memory` collects what all its processes held in the middle of each round, in MB, and `cpu`
    the processor time that they took for a job, in ms.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    env: dict[str, str] = field(default_factory=dict)
    peer: str = ""
    memory: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def fill(self, scene: Scene, count: int) -> None:
        """Fill the queue."""
        todo = jobs.make(count)
        if self.peer:
            jobs.fill_peer(scene, self.peer, todo)
        else:
            jobs.fill_ours(scene, todo)

    def done(self, scene: Scene) -> int:
        """Return how many jobs are processed and have their result."""
        prefix = "peer_" if self.peer else ""
        return int(
            scene.value(
                f"SELECT count(*) FROM {prefix}job AS job JOIN {prefix}result AS result"
                " ON result.job_id = job.id WHERE job.status = 'processed'"
            )
        )


def ours(slots: int) -> Contender:
    """Return ours: the worker and the mailer, as shipped."""
    return Contender(
        "ours",
        ((PYTHON, "-m", "worker", "lookups"), (PYTHON, "-m", "worker", "mail")),
        {"LOOKUP_SLOTS": str(slots), "LOG_FORMAT": "json"},
    )


def celery(name: str, pool: str, concurrency: int) -> Contender:
    """Return Celery with a pool of that size."""
    command = (
        *(PYTHON, "-m", "celery", "-A", "bench.peers.celery_app", "worker"),
        *(f"--pool={pool}", f"--concurrency={concurrency}", "--loglevel=INFO", *QUICK),
    )
    return Contender(name, (command,), peer="celery")


def dramatiq(processes: int, threads: int) -> Contender:
    """Return Dramatiq with that many processes of that many threads."""
    command = (
        *(PYTHON, "-m", "dramatiq", "bench.peers.dramatiq_app"),
        *("--processes", str(processes), "--threads", str(threads)),
    )
    return Contender("Dramatiq", (command,), peer="dramatiq")


def jobs_per_second(stage: Stage, contender: Contender, count: int, delay: float = 0.0) -> float:
    """Run one contender through a full queue.

    The clock starts with the first page that is asked for and stops with the last mail.
    """
    with stage.scene() as scene:
        contender.fill(scene, count)
        stage.far(f"/reset?delay={delay}&keep=0")
        with ExitStack() as running:
            processes = [
                running.enter_context(scene.process(*command, env=contender.env, gently=False))
                for command in contender.commands
            ]
            wait_until(_taken(stage, 1), "the first mail is sent")
            began = sum(map(cpu_seconds, processes))
            wait_until(_taken(stage, count), "half of the mails are sent")
            contender.memory.append(sum(map(memory, processes)))
            wait_until(_taken(stage, 2 * count), "all mails are sent")
            contender.cpu.append(1000 * (sum(map(cpu_seconds, processes)) - began) / count)
            wait_until(lambda: contender.done(scene) == count, "all jobs are processed")
        stats = stage.far("/stats")
        if contender.peer:
            jobs.forget_peer(scene, contender.peer)
    return float(count / (stats["last_mail"] - stats["first_page"]))


def run() -> Outcome:
    """Compare jobs a second with pages that come at once."""
    contenders = [
        ours(SLOTS),
        celery("Celery", "prefork", 4),
        dramatiq(2, 4),
    ]
    figures = _compare(contenders, JOBS, delay=0.0)
    best = rounds.best_of(figures, [c.name for c in contenders if c.peer])
    ratio = rounds.ratios(figures["ours"], figures[best])
    name = f"throughput, {JOBS} jobs a round"
    return Outcome(
        [
            Finding(name, f"ours ÷ {best}", "jobs/s", figures, ratio, TARGET),
            _memory(contenders, figures),
            _processor(contenders, best),
        ]
    )


def run_slow() -> Outcome:
    """Compare with pages that take 200 ms, as many at once, in no more memory than ours takes."""
    contenders = [
        ours(SLOW_SLOTS),
        celery("Celery", "threads", SLOW_SLOTS),
        dramatiq(1, SLOW_SLOTS),
    ]
    figures = _compare(contenders, SLOW_JOBS, delay=SLOW_SECONDS)
    best = rounds.best_of(figures, [c.name for c in contenders if c.peer])
    ratio = rounds.ratios(figures["ours"], figures[best])
    name = f"throughput, {SLOW_JOBS} jobs a round"
    return Outcome(
        [
            Finding(name, f"ours ÷ {best}", "jobs/s", figures, ratio, SLOW_TARGET),
            Finding("memory", "memory of all processes", "MB", _kept(contenders, "memory")),
        ]
    )


def _compare(contenders: list[Contender], count: int, delay: float) -> dict[str, list[float]]:
    with opened() as stage:
        return rounds.interleave(
            {c.name: partial(jobs_per_second, stage, c, count, delay) for c in contenders}
        )


def _memory(contenders: list[Contender], figures: dict[str, list[float]]) -> Finding:
    """Compare the memory for the same throughput: MB for each job a second."""
    each = {
        c.name: [held / speed for held, speed in zip(c.memory, figures[c.name], strict=True)]
        for c in contenders
    }
    celery_ones = [c.name for c in contenders if c.peer == "celery"]
    leanest = min(celery_ones, key=lambda name: statistics.median(each[name]))
    ratio = rounds.ratios(each["ours"], each[leanest])
    return Finding("memory", f"ours ÷ {leanest}", "MB for 1 job/s", each, ratio, 0.6, at_most=True)


def _processor(contenders: list[Contender], best: str) -> Finding:
    """Compare the processor time for a job, which neighbours on the machine disturb less."""
    each = _kept(contenders, "cpu")
    return Finding(
        "processor time", f"{best} ÷ ours", "ms/job", each, rounds.ratios(each[best], each["ours"])
    )


def _kept(contenders: list[Contender], what: str) -> dict[str, list[float]]:
    return {contender.name: getattr(contender, what) for contender in contenders}


def _taken(stage: Stage, mails: int) -> Callable[[], bool]:
    return lambda: stage.far("/stats")["mails"] >= mails
