import threading
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from core.ledger.models import Status
from core.ledger.transitions import due, mails, pages, preferences
from core.ledger.transitions.leaving import end_all
from tests.waiting import wait_until
from tests.world import AGEING, MARIA, WINDOW, World

DAILY = "FREQ=DAILY"
DAY = date(2031, 3, 1)
JOAO = "joao"


def leave(world: World, user: str = MARIA) -> None:
    with world.engine.begin() as connection:
        end_all(connection, user)


def states(world: World, user: str) -> list[Any]:
    """Return what is kept of a user's jobs, runs and preferences."""
    jobs = "SELECT * FROM job WHERE creator_id = :user ORDER BY id"
    runs = "SELECT run.* FROM run JOIN job ON job.id = job_id WHERE creator_id = :user"
    kept = "SELECT * FROM preference WHERE creator_id = :user"
    return [world.rows(statement, user=user) for statement in (jobs, runs, kept)]


def queue_summaries(world: World) -> int:
    since = world.now() - timedelta(days=1)
    with world.engine.begin() as connection:
        return mails.queue_summaries(connection, DAY, since, since + timedelta(days=2))[1]


def test_whatever_is_open_is_cancelled_and_never_taken_again(world: World) -> None:
    running, run_id = world.start()
    waiting, waiting_run = world.start()
    world.settle(waiting_run, Status.QUEUED, retry_in=60)
    recurring, recurring_run = world.start(recurrence=DAILY)
    queued = world.add()
    (queued_run,) = world.queue()
    future = world.add(due_in=3600, recurrence=DAILY)

    leave(world)

    jobs = (running, waiting, recurring, queued, future)
    assert world.statuses() == dict.fromkeys(jobs, "cancelled")
    assert {world.job(job_id).next_run_at for job_id in jobs} == {None}
    for run in (run_id, waiting_run, recurring_run, queued_run):
        assert world.run(run).status == "cancelled"
        assert world.run(run).finished_at is not None
    assert world.claim(queued_run, redelivered=True) == []
    assert not world.settle(run_id, Status.PROCESSED)
    assert not world.settle(recurring_run, Status.PROCESSED)
    world.end_leases()
    world.end_pauses()
    assert world.take_due() == world.take_stranded() == []
    assert world.results() == []
    assert world.statuses() == dict.fromkeys(jobs, "cancelled")


def test_no_mail_is_queued_any_more_and_those_that_wait_are_dropped(world: World) -> None:
    _, ended = world.start()
    world.settle(ended, Status.PROCESSED)
    sent, *_ = world.mails()
    with world.engine.begin() as connection:
        mails.mark_mails_sent(connection, [sent.id])
    _, running = world.start()
    world.start(user=JOAO)
    assert queue_summaries(world) == 2

    leave(world)
    world.settle(running, Status.PROCESSED)

    to_maria = [mail.id for mail in world.mails() if mail.recipient == "maria@example.org"]
    assert to_maria == [sent.id]
    assert [mail.kind for mail in world.mails() if mail.id not in to_maria] == [
        "started",
        "summary",
    ]
    assert queue_summaries(world) == 0


def test_the_summary_and_the_calendar_feed_end(world: World) -> None:
    with world.engine.begin() as connection:
        preferences.set_calendar_token(connection, MARIA, "a" * 64)

    leave(world)

    (kept,) = world.rows("SELECT * FROM preference")
    assert (kept.creator_id, kept.summary, kept.calendar_token_hash) == (MARIA, False, None)


def test_a_page_that_was_given_is_forgotten(world: World) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.ERROR, error_code="captcha")
    with world.engine.begin() as connection:
        pages.give_page(connection, job_id, MARIA, b"<html>")

    leave(world)

    assert world.rows("SELECT * FROM uploaded_page") == []
    assert world.job(job_id).status == "cancelled"


def test_what_has_ended_and_what_belongs_to_others_stays_as_it_is(world: World) -> None:
    ended, run_id = world.start()
    world.settle(run_id, Status.PROCESSED)
    world.start(user=JOAO)
    world.add(user=JOAO, recurrence=DAILY)
    before = world.job(ended), world.results(), states(world, JOAO)

    leave(world)

    assert (world.job(ended), world.results(), states(world, JOAO)) == before


def test_leaving_once_more_changes_nothing(world: World) -> None:
    world.start()
    world.add(recurrence=DAILY)
    leave(world)
    before = states(world, MARIA)

    leave(world)

    assert states(world, MARIA) == before


def test_a_run_that_the_dispatcher_makes_at_that_moment_is_cancelled_too(world: World) -> None:
    job_id = world.add()
    leaving = threading.Thread(target=leave, args=(world,))
    with world.engine.begin() as dispatcher:
        due.take_due(dispatcher, WINDOW, AGEING)
        leaving.start()
        wait_until(lambda: _waits_for_a_lock(world), because="nobody waits for the dispatcher")
    leaving.join()

    (run,) = world.runs(job_id)
    assert (world.job(job_id).status, run.status) == ("cancelled", "cancelled")


def _waits_for_a_lock(world: World) -> bool:
    with world.engine.connect() as connection:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(connection.execute(waiting).scalar_one())
