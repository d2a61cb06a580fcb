"""A job whose run is taken, and whose message the broker has not confirmed yet."""

from datetime import datetime, timedelta

import pytest

from core.clock import SAO_PAULO
from core.ledger.models import Status
from core.ledger.transitions import dispatch, due, leaving, mails, people
from core.ledger.transitions.people import JobUnderWayError
from cronjob import summary
from tests.world import MARIA, World


def crowd(world: World, user: str, count: int) -> None:
    """Let a user have so many jobs that have just become due."""
    world.write(
        """
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                         creator_email, request_id, next_run_at)
        SELECT 'x', '', '1', now(), 0, 'created', :user, 'x@example.org', '', now()
        FROM generate_series(1, :count)""",
        user=user,
        count=count,
    )


def test_it_stays_due_until_the_confirm_is_noted(world: World) -> None:
    job_id = world.add()
    due = world.job(job_id).next_run_at
    (run,) = world.take_due()
    assert world.job(job_id).next_run_at == world.run(run.run_id).scheduled_for == due
    world.mark_queued(run.run_id)
    assert world.job(job_id).next_run_at is None


def test_it_stays_due_until_it_is_claimed_if_that_comes_first(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.claim(run.run_id)
    assert world.job(job_id).next_run_at is None
    world.settle(run.run_id, Status.PROCESSED)
    world.mark_queued(run.run_id)
    assert (world.job(job_id).status, world.job(job_id).next_run_at) == ("processed", None)


def test_a_claim_tells_of_room_only_what_waits_for_it(world: World) -> None:
    world.add()
    (run,) = world.take_due()
    (claimed,) = world.claim(run.run_id)
    assert claimed.told_job is None
    first, second = world.add(), world.add()
    (run,) = world.take_due(1)
    assert run.id == first < second
    (claimed,) = world.claim(run.run_id)
    assert claimed.told_job is not None


def test_many_on_their_way_hide_nobody(world: World) -> None:
    crowd(world, "ana", 250)
    crowd(world, "bia", 1)
    taken = [run.id for _ in range(5) for run in world.take_due(1_000)]
    assert len(set(taken)) == len(taken) == 251


def test_a_crowd_on_its_way_leaves_the_turn_to_another_user(world: World) -> None:
    crowd(world, "ana", 500)
    assert {run.creator_id for run in world.take_due(1_000)} == {"ana"}
    crowd(world, "bia", 200)
    half = due.BATCH // 2
    users = [run.creator_id for run in world.take_due(1_000)]
    assert users == ["bia"] * half + ["ana"] * half


def test_an_edit_keeps_its_place_and_withdraws_its_run(world: World) -> None:
    job_id = world.add()
    due = world.job(job_id).next_run_at
    (withdrawn,) = world.take_due()
    world.edit(job_id, title="outro")
    assert (world.runs(job_id), world.job(job_id).next_run_at) == ([], due)
    (again,) = world.take_due()
    assert (again.id, again.title) == (job_id, "outro")
    world.mark_queued(withdrawn.run_id)
    assert (world.job(job_id).status, world.job(job_id).next_run_at) == ("created", due)
    assert world.claim(withdrawn.run_id) == []
    assert [run.run_id for run in world.claim(again.run_id)] == [again.run_id]


def test_it_can_be_put_off(world: World) -> None:
    job_id = world.add()
    (withdrawn,) = world.take_due()
    later = world.now() + timedelta(hours=1)
    world.edit(job_id, date=later)
    world.mark_queued(withdrawn.run_id)
    assert (world.job(job_id).status, world.job(job_id).next_run_at) == ("created", later)
    assert world.take_due() == []


def test_once_cancelled_it_never_runs(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.cancel(job_id)
    world.mark_queued(run.run_id)
    assert (world.job(job_id).status, world.job(job_id).next_run_at) == ("cancelled", None)
    assert world.claim(run.run_id) == []
    assert world.take_due() == []


def test_once_its_owner_left_it_never_runs(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    with world.engine.begin() as connection:
        leaving.end_all(connection, MARIA)
    world.mark_queued(run.run_id)
    assert (world.job(job_id).status, world.job(job_id).next_run_at) == ("cancelled", None)
    assert world.claim(run.run_id) == []


def test_it_is_not_run_twice_and_can_be_paused(world: World) -> None:
    job_id = world.add()
    world.take_due()
    with world.engine.begin() as connection, pytest.raises(JobUnderWayError):
        people.run_job_now(connection, job_id, MARIA)
    with world.engine.begin() as connection:
        people.pause_job(connection, job_id, MARIA)
    assert (world.runs(job_id), world.take_due()) == ([], [])


def test_what_its_dispatcher_left_behind_is_published_again_and_runs_once(world: World) -> None:
    job_id = world.add(recurrence="FREQ=DAILY", due_in=-60)
    (lost,) = world.take_due()
    with world.engine.begin() as connection:
        dispatch.hand_back_unpublished(connection, [lost.run_id], timedelta(0))
    assert world.take_due() == []
    (again,) = world.take_stranded()
    assert again.run_id == lost.run_id
    world.claim(again.run_id)
    world.settle(again.run_id, Status.PROCESSED)
    job = world.job(job_id)
    assert (job.status, job.next_run_at) == ("created", job.date)
    assert job.date > world.now()
    assert len(world.runs(job_id)) == 1


def test_a_summary_counts_it_once(world: World) -> None:
    day = datetime.now(SAO_PAULO).date()
    since, until = summary.span(day)

    def counts() -> dict[str, int]:
        with world.engine.connect() as connection:
            (told,) = mails.preview_summaries(connection, day, since, until)
        return {status: jobs for status, jobs in told.context["counts"].items() if jobs}

    world.add()
    assert counts() == {"created": 1}
    (run,) = world.take_due()
    assert counts() == {"created": 1}
    world.mark_queued(run.run_id)
    assert counts() == {"queued": 1}
