"""A page that a person gives for a job whose sources asked for one."""

import uuid
from datetime import timedelta

import pytest

from core.clock import utc_now
from core.ledger import queries
from core.ledger.models import Status
from core.ledger.transitions import pages, people, work
from tests.world import MARIA, World

PAGE = b"<html>comprovante</html>"
DAILY = "FREQ=DAILY"


def give(world: World, job_id: int, content: bytes = PAGE, user: str = MARIA) -> None:
    with world.engine.begin() as connection:
        pages.give_page(connection, job_id, user, content)


def kept(world: World) -> list[bytes]:
    return [bytes(row.content) for row in world.rows("SELECT content FROM uploaded_page")]


def asked_for_a_person(world: World, code: str = "captcha", **fields: object) -> int:
    job_id, run_id = world.start(**fields)
    assert world.settle(run_id, Status.ERROR, error_code=code)
    return job_id


def republish(world: World) -> uuid.UUID:
    """Let a dispatcher publish the one run that a page made."""
    (run,) = world.take_stranded()
    world.mark_queued(run.run_id)
    run_id: uuid.UUID = run.run_id
    return run_id


def waiting(world: World, user: str = MARIA) -> list[int]:
    with world.engine.connect() as connection:
        return [job.id for job in queries.list_waiting(connection, user, 10)]


def test_a_page_makes_a_second_run_that_brings_it_to_the_worker_and_ends_the_job(
    world: World,
) -> None:
    job_id = asked_for_a_person(world)
    give(world, job_id)
    assert (world.job(job_id).status, kept(world)) == ("created", [PAGE])

    run_id = republish(world)
    assert world.job(job_id).status == "queued"
    (claimed,) = world.claim(run_id)
    assert not work.ends_alone(claimed)
    assert (bytes(claimed.page), claimed.attempt) == (PAGE, 1)
    assert world.settle(run_id, Status.PROCESSED)

    assert [run.status for run in world.runs(job_id)] == ["error", "processed"]
    assert (world.job(job_id).status, len(world.results())) == ("processed", 1)
    assert world.mail_kinds(run_id) == ["started", "finished"]
    assert kept(world) == []


def test_runs_without_a_page_are_claimed_without_one(world: World) -> None:
    world.add()
    (run_id,) = world.queue()
    assert [run.page for run in world.claim(run_id)] == [None]


def test_a_worker_that_dies_leaves_the_page_to_the_next(world: World) -> None:
    job_id = asked_for_a_person(world)
    give(world, job_id)
    run_id = republish(world)
    world.claim(run_id)
    world.end_leases()
    assert republish(world) == run_id
    (claimed,) = world.claim(run_id)
    assert (bytes(claimed.page), claimed.attempt) == (PAGE, 2)


def test_the_same_page_again_changes_nothing_while_it_is_read_and_afterwards(world: World) -> None:
    job_id = asked_for_a_person(world)
    give(world, job_id)
    give(world, job_id)
    run_id = republish(world)
    world.claim(run_id)
    give(world, job_id)
    world.settle(run_id, Status.PROCESSED)
    give(world, job_id)
    assert (len(world.runs(job_id)), world.job(job_id).status) == (2, "processed")
    assert kept(world) == []


def test_another_page_while_one_is_read_is_refused(world: World) -> None:
    job_id = asked_for_a_person(world)
    give(world, job_id)
    with pytest.raises(people.JobUnderWayError):
        give(world, job_id, b"<html>outra</html>")
    assert kept(world) == [PAGE]


@pytest.mark.parametrize("code", ["captcha", "other_company", "not_certificate"])
def test_after_a_page_of_no_use_another_may_be_given(world: World, code: str) -> None:
    job_id = asked_for_a_person(world)
    give(world, job_id)
    run_id = republish(world)
    world.claim(run_id)
    world.settle(run_id, Status.ERROR, error_code=code)
    assert kept(world) == []
    # The same one, too: the reading may have been mended meanwhile.
    give(world, job_id)
    assert len(world.runs(job_id)) == 3


@pytest.mark.parametrize("code", ["not_found", "attempts_exhausted", "layout_changed"])
def test_a_job_that_failed_otherwise_waits_for_nobody(world: World, code: str) -> None:
    job_id = asked_for_a_person(world, code)
    with pytest.raises(pages.NotWaitingError):
        give(world, job_id)
    assert (len(world.runs(job_id)), waiting(world)) == (1, [])


def test_a_job_that_has_not_run_or_is_done_waits_for_nobody(world: World) -> None:
    fresh = world.add(due_in=3600)
    done, run_id = world.start()
    world.settle(run_id, Status.PROCESSED)
    for job_id in (fresh, done):
        with pytest.raises(pages.NotWaitingError):
            give(world, job_id)


def test_a_job_of_somebody_else_is_not_found(world: World) -> None:
    job_id = asked_for_a_person(world)
    with pytest.raises(people.JobNotFoundError):
        give(world, job_id, user="joao")
    assert (kept(world), waiting(world, "joao")) == ([], [])


def test_a_recurring_job_is_served_its_failed_occurrence_and_keeps_its_next_date(
    world: World,
) -> None:
    job_id = asked_for_a_person(world, recurrence=DAILY)
    coming = world.job(job_id).next_run_at
    assert coming > utc_now() + timedelta(hours=23)
    assert waiting(world) == [job_id]

    give(world, job_id)
    assert waiting(world) == []
    run_id = republish(world)
    world.claim(run_id)
    world.settle(run_id, Status.PROCESSED)

    job = world.job(job_id)
    assert (job.status, job.next_run_at, job.date) == ("created", coming, coming)
    assert (len(world.results()), waiting(world)) == (1, [])


def test_a_paused_recurring_job_takes_a_page_and_stays_paused(world: World) -> None:
    job_id = asked_for_a_person(world, recurrence=DAILY)
    with world.engine.begin() as connection:
        people.pause_job(connection, job_id, MARIA)
    give(world, job_id)
    run_id = republish(world)
    world.claim(run_id)
    world.settle(run_id, Status.PROCESSED)
    job = world.job(job_id)
    assert (job.status, job.paused, job.next_run_at) == ("created", True, None)


def test_a_job_that_is_deleted_or_cancelled_takes_its_page_with_it(world: World) -> None:
    deleted, cancelled, edited = (asked_for_a_person(world) for _ in "123")
    for job_id in (deleted, cancelled, edited):
        give(world, job_id)
    assert world.delete(deleted)
    world.cancel(cancelled)
    world.edit(edited, title="Outro título")
    assert kept(world) == []


def test_only_the_last_run_tells_whether_a_job_waits(world: World) -> None:
    job_id = asked_for_a_person(world)
    with world.engine.begin() as connection:
        people.run_job_now(connection, job_id, MARIA)
    assert waiting(world) == []
    (run_id,) = world.queue()
    world.claim(run_id)
    world.settle(run_id, Status.ERROR, error_code="not_found")
    assert waiting(world) == []
