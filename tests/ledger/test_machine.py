"""No sequence of calls, deliveries, losses and crashes leads to an illegal state.

Hypothesis plays people, two workers, dispatchers and mailers in any order, each of whom may vanish
after any step, and shrinks what breaks a rule to the shortest such play.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from core.ledger.models import Status
from core.ledger.transitions import dispatch, mails, pages, people
from core.ledger.transitions.people import TransitionError
from tests.world import MARIA, W1, W2, World

EXAMPLES = 20
STEPS = 30
MAIL_LEASE = timedelta(seconds=60)

# Each finds rows that must never be seen between two transactions.
ILLEGAL = {
    "a job has two unfinished runs": """
        SELECT job_id FROM run WHERE status IN ('created', 'queued', 'processing')
        GROUP BY job_id HAVING count(*) > 1""",
    "a job's state is not that of its unfinished run": """
        SELECT job.id, job.status, run.status FROM job JOIN run ON run.job_id = job.id
        WHERE run.status IN ('created', 'queued', 'processing') AND job.status <> run.status""",
    "a job that has ended has an unfinished run or a next one": """
        SELECT job.id FROM job LEFT JOIN run ON run.job_id = job.id
            AND run.status IN ('created', 'queued', 'processing')
        WHERE job.status IN ('processed', 'error', 'cancelled')
            AND (run.id IS NOT NULL OR job.next_run_at IS NOT NULL)""",
    "a job waits for nothing": """
        SELECT job.id, job.status FROM job
        WHERE status IN ('created', 'queued', 'processing') AND next_run_at IS NULL AND NOT paused
            AND NOT EXISTS (SELECT FROM run WHERE run.job_id = job.id
                            AND run.status IN ('created', 'queued', 'processing'))""",
    "an unfinished run that nobody will look after": """
        SELECT id FROM run WHERE status IN ('created', 'queued', 'processing')
            AND next_attempt_at IS NULL AND lease_until IS NULL""",
    "a run at work that is nobody's": """
        SELECT id FROM run WHERE status = 'processing' AND worker IS NULL""",
    "a run that has ended and is leased, or has not and has an end": """
        SELECT id FROM run WHERE (status IN ('processed', 'error', 'cancelled'))
            <> (finished_at IS NOT NULL AND lease_until IS NULL AND next_attempt_at IS NULL)""",
    "a result of a run that was not processed, or none of one that was": """
        SELECT run.id FROM run LEFT JOIN result ON result.run_id = run.id
        WHERE (run.status = 'processed') <> (result.id IS NOT NULL)""",
    "a page of a run that has ended": """
        SELECT run_id FROM uploaded_page JOIN run ON run.id = uploaded_page.run_id
        WHERE run.status IN ('processed', 'error', 'cancelled')""",
    "a run that has started without its mail, or the other way round": """
        SELECT run.id FROM run LEFT JOIN mail ON mail.key = 'run:' || run.id || '\\:started'
        WHERE (run.started_at IS NOT NULL) <> (mail.id IS NOT NULL)""",
    "a run that started and ended without its mail, or the other way round": """
        SELECT run.id FROM run LEFT JOIN mail ON mail.key = 'run:' || run.id || '\\:finished'
        WHERE (run.started_at IS NOT NULL AND run.finished_at IS NOT NULL)
            <> (mail.id IS NOT NULL)""",
}
# All in one question.
LOOK = " UNION ALL ".join(
    f"SELECT '{what.replace(chr(39), chr(39) * 2)}' AS what WHERE EXISTS ({question})"
    for what, question in ILLEGAL.items()
)


def machine(world: World) -> type[RuleBasedStateMachine]:
    """Return the play on a ledger."""

    class Ledger(RuleBasedStateMachine):
        jobs: Bundle[int] = Bundle("jobs")
        messages: Bundle[uuid.UUID] = Bundle("messages")
        claims: Bundle[tuple[uuid.UUID, int, str]] = Bundle("claims")
        letters: Bundle[int] = Bundle("letters")

        @initialize()
        def begin(self) -> None:
            world.empty()

        @rule(
            target=jobs,
            priority=st.integers(0, 5),
            recurrent=st.booleans(),
            key=st.sampled_from([None, "a", "b"]),
        )
        def schedule(self, priority: int, *, recurrent: bool, key: str | None) -> int:
            recurrence = "FREQ=DAILY" if recurrent else None
            return world.add(priority=priority, recurrence=recurrence, idempotency_key=key)

        @rule(target=messages, noted=st.booleans())
        def dispatch(self, *, noted: bool) -> Any:
            """Publish what is due; the dispatcher may die before it notes that."""
            runs = [run.run_id for run in world.take_due()]
            if noted:
                world.mark_queued(*runs)
            return multiple(*runs)

        @rule(target=messages, noted=st.booleans())
        def dispatch_again(self, *, noted: bool) -> Any:
            """Let time pass and publish again what nobody moved on."""
            world.end_leases()
            world.end_pauses()
            runs = [run.run_id for run in (*world.take_due(), *world.take_stranded())]
            if noted:
                world.mark_queued(*runs)
            return multiple(*runs)

        @rule(message=messages)
        def is_not_confirmed(self, message: uuid.UUID) -> None:
            """Hand a run back whose message was not confirmed, and may be there all the same."""
            with world.engine.begin() as connection:
                dispatch.hand_back_unpublished(connection, [message], timedelta(seconds=1))

        @rule()
        def find_all_in_the_queue(self) -> None:
            world.end_leases()
            with world.engine.begin() as connection:
                dispatch.keep_queued(connection)

        @rule(message=messages)
        def note_late(self, message: uuid.UUID) -> None:
            world.mark_queued(message)

        @rule(
            target=claims,
            message=messages,
            worker=st.sampled_from([W1, W2]),
            redelivered=st.booleans(),
        )
        def deliver(self, message: uuid.UUID, worker: str, *, redelivered: bool) -> Any:
            """Bring a message, again perhaps, to either worker."""
            claimed = world.claim(message, worker=worker, redelivered=redelivered)
            return multiple(*((run.run_id, run.attempt, worker) for run in claimed))

        @rule(
            claim=claims,
            status=st.sampled_from([Status.PROCESSED, Status.ERROR, Status.QUEUED]),
            counts=st.booleans(),
        )
        def settle(
            self, claim: tuple[uuid.UUID, int, str], status: Status, *, counts: bool
        ) -> None:
            """Tell how an attempt ended, even one that was taken from its worker long ago."""
            run_id, attempt, worker = claim
            later: dict[str, Any] = {}
            if status == Status.ERROR:
                later = {"error_code": "captcha"}
            if status == Status.QUEUED:
                later = {"retry_in": 5.0, "counts": counts}
            world.settle(run_id, status, attempt, worker, **later)

        @rule(claim=claims)
        def hand_back(self, claim: tuple[uuid.UUID, int, str]) -> None:
            world.release(claim[0], worker=claim[2])

        @rule(job=jobs, priority=st.integers(0, 5))
        def edit(self, job: int, priority: int) -> None:
            _allow(lambda: world.edit(job, priority=priority))

        @rule(job=jobs, page=st.sampled_from([b"one", b"another"]))
        def give_page(self, job: int, page: bytes) -> None:
            """Give the page that a source shows to people alone, or another one."""

            def perform() -> None:
                with world.engine.begin() as connection:
                    pages.give_page(connection, job, MARIA, page)

            _allow(perform)

        @rule(job=jobs)
        def cancel(self, job: int) -> None:
            _allow(lambda: world.cancel(job))

        @rule(job=jobs)
        def delete(self, job: int) -> None:
            _allow(lambda: world.delete(job))

        @rule(
            job=jobs,
            change=st.sampled_from([people.pause_job, people.resume_job, people.run_job_now]),
        )
        def change(self, job: int, change: Callable[..., None]) -> None:
            def perform() -> None:
                with world.engine.begin() as connection:
                    change(connection, job, MARIA)

            _allow(perform)

        @rule(target=letters)
        def claim_mails(self) -> Any:
            with world.engine.begin() as connection:
                return multiple(*(m.id for m in mails.claim_mails(connection, 5, MAIL_LEASE)))

        @rule(letter=letters, sent=st.booleans())
        def end_mail(self, letter: int, *, sent: bool) -> None:
            with world.engine.begin() as connection:
                if sent:
                    mails.mark_mails_sent(connection, [letter])
                else:
                    mails.release_mails(connection, [letter])

        @invariant()
        def nothing_illegal(self) -> None:
            assert [row.what for row in world.rows(LOOK)] == []

        def teardown(self) -> None:
            """End all work, whatever happened, once nobody dies any more."""
            world.write("UPDATE job SET recurrence = NULL")
            self._resume_all()
            for _ in range(4):
                world.queue()
                world.end_leases()
                world.end_pauses()
                world.mark_queued(*(run.run_id for run in world.take_stranded()))
                waiting = world.rows("SELECT id FROM run WHERE status IN ('created', 'queued')")
                for run in world.claim(*(row.id for row in waiting)):
                    world.settle(run.run_id, Status.PROCESSED, run.attempt)
            ended = {Status.PROCESSED, Status.ERROR, Status.CANCELLED}
            # A recurring job's next date is tomorrow, and it waits for that.
            late = world.rows("SELECT id, status FROM job WHERE next_run_at IS NULL")
            assert {row.status for row in late} <= ended
            self.nothing_illegal()

        def _resume_all(self) -> None:
            for row in world.rows("SELECT id FROM job WHERE paused"):
                with world.engine.begin() as connection:
                    people.resume_job(connection, row.id, MARIA)

    return Ledger


def _allow(action: Callable[[], object]) -> None:
    """Let an action be refused: a refusal changes nothing."""
    with suppress(TransitionError):
        action()


def test_no_sequence_of_calls_deliveries_and_crashes_reaches_an_illegal_state(
    world: World,
) -> None:
    run_state_machine_as_test(
        machine(world),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
