from datetime import timedelta
from typing import Any

import pytest
from psycopg2 import DataError, IntegrityError

from core.clock import utc_now
from core.ledger.models import Status
from core.ledger.transitions import people
from core.ledger.transitions.people import (
    JobEndedError,
    JobNotFoundError,
    JobStartedError,
    JobUnderWayError,
)
from tests.world import World


def make(world: World, key: str | None, user: str = "maria") -> tuple[int, bool]:
    new = people.NewJob(
        title="t",
        description="",
        cpf_cnpj="00000000000191",
        date=utc_now(),
        priority=0,
        creator_id=user,
        creator_email="a@b.example",
        idempotency_key=key,
    )
    with world.engine.begin() as connection:
        job, is_new = people.create_job(connection, new)
    return job.id, is_new


def test_a_job_of_the_future_is_due_at_its_date(world: World) -> None:
    date = utc_now() + timedelta(days=3)
    job = world.job(world.add(date=date))
    assert (job.status, job.date, job.next_run_at) == ("created", date, date)
    assert world.take_due() == []


def test_a_job_of_the_past_is_due_now_and_keeps_its_date(world: World) -> None:
    date = utc_now() - timedelta(days=3)
    job = world.job(world.add(date=date))
    assert job.date == date
    assert abs(job.next_run_at - utc_now()) < timedelta(seconds=60)
    assert [run.id for run in world.take_due()] == [job.id]


def test_the_same_key_of_the_same_user_makes_one_job(world: World) -> None:
    first, made = make(world, "k")
    assert made
    assert make(world, "k") == (first, False)
    assert make(world, "k", user="joao")[1]
    assert make(world, "K")[1]


def test_jobs_without_a_key_are_all_made(world: World) -> None:
    assert make(world, None)[1]
    assert make(world, None)[1]


@pytest.mark.parametrize("priority", [-1, 6])
def test_a_priority_out_of_bounds_is_refused_by_the_database(world: World, priority: int) -> None:
    with pytest.raises(IntegrityError):
        world.add(priority=priority)


def test_a_text_that_is_too_long_is_refused_and_not_cut(world: World) -> None:
    with pytest.raises(DataError):
        world.add(title="x" * 201)


def test_an_edited_job_has_the_new_values_and_keeps_the_others(world: World) -> None:
    job_id = world.add(due_in=3600, description="antes")
    before = world.job(job_id)
    world.edit(job_id, title="outro", priority=4)
    after = world.job(job_id)
    assert (after.title, after.priority, after.description) == ("outro", 4, "antes")
    assert (after.next_run_at, after.date) == (before.next_run_at, before.date)
    assert after.updated > before.updated


def test_a_new_date_moves_the_job(world: World) -> None:
    job_id = world.add(due_in=-1)
    date = utc_now() + timedelta(hours=2)
    world.edit(job_id, date=date)
    assert world.job(job_id).next_run_at == date
    assert world.take_due() == []


def test_an_edit_without_a_new_date_keeps_the_place_in_the_line(world: World) -> None:
    first, second = world.add(), world.add()
    world.edit(first, title="outro")
    assert [run.id for run in world.take_due()] == [first, second]


def test_an_edit_of_a_queued_job_withdraws_its_run(world: World) -> None:
    first, second = world.add(), world.add()
    withdrawn, kept = world.queue()
    world.edit(first, cpf_cnpj="12ABC34501DE35")
    assert world.job(first).status == "created"
    assert world.runs(first) == []
    assert world.claim(withdrawn) == []
    assert [run.job_id for run in world.claim(kept)] == [second]
    (again,) = world.take_due()
    assert (again.id, again.cpf_cnpj) == (first, "12ABC34501DE35")
    assert again.run_id != withdrawn


def test_an_edited_queued_job_is_before_those_that_came_later(world: World) -> None:
    first = world.add()
    world.queue()
    later = world.add()
    world.edit(first, title="outro")
    assert [run.id for run in world.take_due()] == [first, later]


def test_a_confirm_that_comes_after_the_edit_changes_nothing(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.edit(job_id, title="outro")
    world.mark_queued(run.run_id)
    assert world.job(job_id).status == "created"
    assert len(world.take_due()) == 1


def change(world: World, what: str, job_id: int, user: str = "maria") -> Any:
    if what == "edit":
        return world.edit(job_id, user, title="outro")
    if what == "delete":
        return world.delete(job_id, user)
    if what == "cancel":
        return world.cancel(job_id, user)
    function = {
        "pause": people.pause_job,
        "resume": people.resume_job,
        "run now": people.run_job_now,
    }[what]
    with world.engine.begin() as connection:
        return function(connection, job_id, user)


CHANGES = ["edit", "cancel", "delete", "pause", "resume", "run now"]


@pytest.mark.parametrize("what", CHANGES)
def test_somebody_elses_job_is_not_found_and_not_changed(world: World, what: str) -> None:
    job_id = world.add(user="joao")
    before = world.job(job_id)
    with pytest.raises(JobNotFoundError):
        change(world, what, job_id)
    with pytest.raises(JobNotFoundError):
        change(world, what, job_id + 1000)
    assert world.job(job_id) == before


@pytest.mark.parametrize(
    ("what", "error"),
    [("edit", JobStartedError), ("pause", JobStartedError), ("run now", JobUnderWayError)],
)
def test_a_job_that_is_running_can_only_be_cancelled(
    world: World, what: str, error: type[Exception]
) -> None:
    job_id, run_id = world.start()
    with pytest.raises(error):
        change(world, what, job_id)
    # No more can one that waits for another attempt.
    world.settle(run_id, Status.QUEUED, retry_in=60)
    with pytest.raises(error):
        change(world, what, job_id)


@pytest.mark.parametrize("status", [Status.PROCESSED, Status.ERROR])
@pytest.mark.parametrize(
    ("what", "error"),
    [("edit", JobStartedError), ("cancel", JobEndedError), ("pause", JobEndedError)],
)
def test_a_job_that_has_ended_stays_as_it_is(
    world: World, status: Status, what: str, error: type[Exception]
) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, status, error_code="captcha")
    before = world.job(job_id)
    with pytest.raises(error):
        change(world, what, job_id)
    assert world.job(job_id) == before


def test_a_job_that_is_cancelled_before_its_time_never_runs_and_mails_nobody(
    world: World,
) -> None:
    job_id = world.add()
    world.cancel(job_id)
    assert world.job(job_id).status == "cancelled"
    assert world.take_due() == []
    assert world.mails() == []
    with pytest.raises(JobEndedError):
        world.cancel(job_id)


def test_a_queued_job_that_is_cancelled_is_not_claimed(world: World) -> None:
    job_id = world.add()
    (run_id,) = world.queue()
    world.cancel(job_id)
    assert world.run(run_id).status == "cancelled"
    assert world.claim(run_id) == []
    assert world.claim(run_id, redelivered=True) == []
    assert world.mails() == []


def test_a_job_that_is_cancelled_at_work_gets_its_end_mail_and_no_result(world: World) -> None:
    job_id, run_id = world.start()
    world.cancel(job_id)
    assert not world.settle(run_id, Status.PROCESSED)
    assert (world.job(job_id).status, world.run(run_id).status) == ("cancelled", "cancelled")
    assert world.mail_kinds(run_id) == ["started", "finished"]
    assert world.mails()[-1].context["status"] == "cancelled"
    assert world.results() == []
    world.end_leases()
    assert world.take_stranded() == []


def test_a_job_that_is_cancelled_while_it_waits_for_another_attempt_never_gets_it(
    world: World,
) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.QUEUED, retry_in=0)
    world.cancel(job_id)
    assert world.take_due() == []
    assert world.mail_kinds(run_id) == ["started", "finished"]


def test_a_deleted_job_is_gone_with_its_runs_and_results(world: World) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.PROCESSED)
    assert world.delete(job_id)
    assert world.statuses() == {}
    assert world.runs(job_id) == world.results() == []


def test_a_queued_job_that_is_deleted_leaves_its_message_without_effect(world: World) -> None:
    job_id = world.add()
    (run_id,) = world.queue()
    assert world.delete(job_id)
    assert world.claim(run_id) == []
    assert not world.settle(run_id, Status.PROCESSED)


def test_deleting_a_running_job_cancels_it_and_deleting_it_again_deletes_it(world: World) -> None:
    job_id, run_id = world.start()
    assert not world.delete(job_id)
    assert world.job(job_id).status == "cancelled"
    assert world.delete(job_id)
    assert world.statuses() == {}
    assert not world.settle(run_id, Status.PROCESSED)


def test_a_paused_job_is_not_taken_until_it_is_resumed(world: World) -> None:
    job_id = world.add()
    (run_id,) = world.queue()
    change(world, "pause", job_id)
    assert world.claim(run_id) == []
    assert world.take_due() == []
    assert world.job(job_id).status == "created"
    change(world, "resume", job_id)
    assert [run.id for run in world.take_due()] == [job_id]


def test_a_pause_while_an_occurrence_waits_for_its_retry_makes_no_second_run(
    world: World,
) -> None:
    job_id, run_id = world.start(recurrence="FREQ=DAILY")
    assert world.settle(run_id, Status.QUEUED, retry_in=60, error_code="unavailable")
    change(world, "pause", job_id)
    assert world.job(job_id).status == "queued"
    change(world, "resume", job_id)
    assert world.job(job_id).next_run_at is None
    assert world.take_due() == []
    world.end_pauses()
    assert [run.run_id for run in world.take_due()] == [run_id]
    assert world.claim(run_id)
    assert world.settle(run_id, Status.PROCESSED, attempt=2)
    assert world.job(job_id).next_run_at == world.job(job_id).date > world.now()


def test_a_job_with_a_run_under_way_is_not_taken_again(world: World) -> None:
    job_id = world.add()
    world.queue()
    world.write("UPDATE job SET status = 'created', next_run_at = now()")
    assert world.take_due() == []
    assert len(world.runs(job_id)) == 1


def test_an_ended_job_that_is_run_again_makes_a_second_run(world: World) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.ERROR, error_code="captcha")
    change(world, "run now", job_id)
    (again,) = world.queue()
    assert again != run_id
    world.claim(again)
    assert world.settle(again, Status.PROCESSED)
    assert world.job(job_id).status == "processed"
    assert [run.status for run in world.runs(job_id)] == ["error", "processed"]
    assert world.mail_kinds(again) == ["started", "finished"]
