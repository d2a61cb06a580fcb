"""Everybody at once on the same few jobs: no deadlock, no state that cannot be."""

import random
import threading
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from core.clock import utc_now
from core.ledger.models import Status
from core.ledger.transitions import dispatch, people, work
from core.ledger.transitions.people import TransitionError
from core.ledger.transitions.work import Delivery, Outcome
from tests.world import World, company

SECONDS = 3.0
JOBS = 12
WORKERS = ("w1", "w2", "w3")

# What must never be, whatever happened in whichever order.
ILLEGAL = {
    "a job at work without a run at work": """
        SELECT id FROM job WHERE status = 'processing' AND NOT EXISTS
            (SELECT 1 FROM run WHERE job_id = job.id AND status = 'processing')""",
    "a run at work whose job is not": """
        SELECT run.id FROM run JOIN job ON job.id = job_id
        WHERE run.status = 'processing' AND job.status <> 'processing'""",
    "a queued job without a queued run": """
        SELECT id FROM job WHERE status = 'queued' AND NOT EXISTS
            (SELECT 1 FROM run WHERE job_id = job.id AND status = 'queued')""",
    "a queued run whose job is not": """
        SELECT run.id FROM run JOIN job ON job.id = job_id
        WHERE run.status = 'queued' AND job.status <> 'queued'""",
    "an ended job with a run that goes on": """
        SELECT job.id FROM job JOIN run ON job_id = job.id
        WHERE job.status IN ('processed', 'error', 'cancelled')
          AND run.status IN ('created', 'queued', 'processing')""",
    "two unfinished runs of one job": """
        SELECT job_id FROM run WHERE status IN ('created', 'queued', 'processing')
        GROUP BY job_id HAVING count(*) > 1""",
    "a job that nobody will ever move on": """
        SELECT id FROM job WHERE status = 'created' AND next_run_at IS NULL AND NOT paused
          AND NOT EXISTS (SELECT 1 FROM run WHERE job_id = job.id AND status = 'created')""",
    "an unfinished run that nobody will ever move on": """
        SELECT id FROM run WHERE status IN ('created', 'queued', 'processing')
          AND lease_until IS NULL AND next_attempt_at IS NULL""",
    "an ended run that is leased": """
        SELECT id FROM run WHERE status IN ('processed', 'error', 'cancelled')
          AND (lease_until IS NOT NULL OR next_attempt_at IS NOT NULL OR finished_at IS NULL)""",
    "a processed run without its result": """
        SELECT id FROM run WHERE status = 'processed'
          AND NOT EXISTS (SELECT 1 FROM result WHERE run_id = run.id)""",
    "a result of a run that was not processed": """
        SELECT result.id FROM result JOIN run ON run.id = run_id WHERE run.status <> 'processed'""",
    "a started run without its start mail": """
        SELECT id FROM run WHERE started_at IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM mail WHERE key = 'run:' || run.id || '\\:started')""",
    "an ended run that had started without its end mail": """
        SELECT id FROM run WHERE started_at IS NOT NULL
          AND status IN ('processed', 'error', 'cancelled')
          AND NOT EXISTS (SELECT 1 FROM mail WHERE key = 'run:' || run.id || '\\:finished')""",
    "an end mail of a run that goes on": """
        SELECT run.id FROM run JOIN mail ON key = 'run:' || run.id || '\\:finished'
        WHERE status IN ('created', 'queued', 'processing')""",
    "a negative attempt": "SELECT id FROM run WHERE attempt < 0",
}


@dataclass
class Crowd:
    """Many threads, each doing something at random until the time is over."""

    world: World
    dice: random.Random = field(default_factory=random.Random)
    errors: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    settled: Counter[uuid.UUID] = field(default_factory=Counter)

    def press(self, actors: list[Callable[[], None]]) -> None:
        deadline = time.monotonic() + SECONDS

        def go_on(actor: Callable[[], None]) -> None:
            while time.monotonic() < deadline and not self.errors:
                try:
                    actor()
                    self.done[actor.__name__] += 1
                except TransitionError:
                    pass
                except Exception:  # noqa: BLE001 every one of them is a failure of the test
                    self.errors.append(traceback.format_exc())

        threads = [threading.Thread(target=go_on, args=(actor,)) for actor in actors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def runs(self) -> list[uuid.UUID]:
        found = [row.id for row in self.world.rows("SELECT id FROM run")]
        self.dice.shuffle(found)
        return found[:6]

    def job(self) -> int:
        ids = list(self.world.statuses())
        return self.dice.choice(ids) if ids else 0

    def dispatcher(self) -> None:
        taken = [*self.world.take_due(), *self.world.take_stranded()]
        run_ids = [run.run_id for run in taken]
        self.dice.shuffle(run_ids)
        cut = self.dice.randrange(len(run_ids) + 1)
        with self.world.engine.begin() as connection:
            dispatch.mark_queued(connection, run_ids[:cut])
            dispatch.hand_back_unpublished(connection, run_ids[cut:], timedelta(0))
        with self.world.engine.begin() as connection:
            dispatch.keep_queued(connection)

    def worker(self) -> None:
        name = self.dice.choice(WORKERS)
        asked = [Delivery(run_id, self.dice.random() < 0.3) for run_id in self.runs()]
        with self.world.engine.begin() as connection:
            claimed = work.claim(connection, asked, name)
        self.beat(name)
        outcomes = [self.outcome(run.run_id, run.attempt) for run in claimed]
        self.dice.shuffle(outcomes)
        with self.world.engine.begin() as connection:
            taken = work.settle(connection, outcomes, name)
        for outcome in outcomes:
            if outcome.run_id in taken and outcome.status != Status.QUEUED:
                self.settled[outcome.run_id] += 1

    def outcome(self, run_id: uuid.UUID, attempt: int) -> Outcome:
        kind = self.dice.random()
        if kind < 0.4:
            told = company(cnpj="1")
            return Outcome(run_id, attempt, Status.PROCESSED, source="t", company=told)
        if kind < 0.6:
            return Outcome(run_id, attempt, Status.ERROR, error_code="captcha")
        counts = self.dice.random() < 0.5
        return Outcome(run_id, attempt, Status.QUEUED, retry_in=0, counts=counts)

    def beat(self, name: str) -> None:
        with self.world.engine.begin() as connection:
            work.renew(connection, self.runs(), name)

    def leaver(self) -> None:
        with self.world.engine.begin() as connection:
            work.release(connection, self.runs(), self.dice.choice(WORKERS))

    def undertaker(self) -> None:
        """Let leases end now and then, as if workers had died."""
        self.world.write(
            "UPDATE run SET lease_until = now() WHERE id = "
            "(SELECT id FROM run WHERE lease_until > now() LIMIT 1 FOR UPDATE SKIP LOCKED)"
        )

    def person(self) -> None:
        job_id, dice = self.job(), self.dice.random()
        with self.world.engine.begin() as connection:
            if dice < 0.2:
                changes = {"title": "x", "date": utc_now(), "priority": self.dice.randrange(6)}
                people.edit_job(connection, job_id, "maria", changes)
            elif dice < 0.35:
                people.cancel_job(connection, job_id, "maria")
            elif dice < 0.5:
                people.delete_job(connection, job_id, "maria")
            elif dice < 0.6:
                people.pause_job(connection, job_id, "maria")
            elif dice < 0.75:
                people.resume_job(connection, job_id, "maria")
            else:
                people.run_job_now(connection, job_id, "maria")

    def newcomer(self) -> None:
        if len(self.world.statuses()) < JOBS:
            rule = self.dice.choice([None, None, "FREQ=DAILY"])
            self.world.add(priority=self.dice.randrange(6), recurrence=rule)


def test_everybody_at_once_makes_no_deadlock_and_no_illegal_state(world: World) -> None:
    crowd = Crowd(world)
    for _ in range(JOBS):
        world.add()
    crowd.press(
        [crowd.worker] * 5
        + [crowd.dispatcher] * 3
        + [crowd.person] * 3
        + [crowd.leaver, crowd.undertaker, crowd.newcomer]
    )
    assert crowd.errors == []
    found = {what: world.rows(statement) for what, statement in ILLEGAL.items()}
    assert {what: rows for what, rows in found.items() if rows} == {}
    assert set(crowd.settled.values()) <= {1}
    assert set(crowd.done) >= {"worker", "dispatcher", "person", "leaver", "newcomer"}, crowd.done


def test_signs_of_life_and_returns_of_many_runs_never_deadlock(world: World) -> None:
    """Only statements that touch many runs at once, in whichever order."""
    for _ in range(60):
        world.add()
    run_ids = world.queue()
    world.claim(*run_ids[:30], worker="w1")
    crowd = Crowd(world)

    def shuffled() -> list[uuid.UUID]:
        ids = list(run_ids)
        crowd.dice.shuffle(ids)
        return ids

    def renew() -> None:
        with world.engine.begin() as connection:
            work.renew(connection, shuffled(), "w1")

    def keep() -> None:
        world.write("UPDATE run SET lease_until = now() WHERE id = :id", id=shuffled()[0])
        with world.engine.begin() as connection:
            dispatch.keep_queued(connection)

    def hand_back() -> None:
        with world.engine.begin() as connection:
            dispatch.hand_back_unpublished(connection, shuffled(), timedelta(0))

    def take_and_mark() -> None:
        world.take_stranded()
        world.mark_queued(*shuffled())

    def claim_and_release() -> None:
        world.claim(*shuffled(), worker="w1", redelivered=True)
        world.release(*shuffled()[:30], worker="w1")

    crowd.press([renew, keep, hand_back, take_and_mark, claim_and_release] * 2)
    assert crowd.errors == []
