import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from core.ledger import queries
from core.ledger.models import Status
from core.ledger.transitions import dispatch, due, work
from tests.world import AGEING, World


@pytest.fixture(autouse=True, params=[due.FEW, 0], ids=["few", "many"])
def _taken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few jobs be taken as a few, and as they are among many."""
    monkeypatch.setattr(due, "FEW", request.param)


def test_the_highest_priority_is_first_and_equals_come_as_they_came(world: World) -> None:
    ids = [world.add(priority=priority) for priority in (0, 5, 3, 5, 0, 3)]
    order = [run.id for run in world.take_due()]
    assert order == [ids[1], ids[3], ids[2], ids[5], ids[0], ids[4]]


def test_first_come_counts_from_when_a_job_is_due_not_from_when_it_was_made(world: World) -> None:
    late = world.add(due_in=3600)
    early = world.add()
    world.write("UPDATE job SET next_run_at = now() - interval '1 h' WHERE id = :id", id=late)
    assert [run.id for run in world.take_due()] == [late, early]


def test_a_taken_run_says_what_its_message_needs(world: World) -> None:
    job_id = world.add(priority=2, title="ção", request_id="r-1", description="d")
    (run,) = world.take_due()
    assert (run.id, run.attempt, run.priority, run.title) == (job_id, 1, 2, "ção")
    assert (run.request_id, run.creator_id, run.creator_email) == (
        "r-1",
        "maria",
        "maria@example.org",
    )
    assert world.run(run.run_id).status == "created"
    assert world.job(job_id).status == "created"


def test_a_run_is_queued_only_once_its_message_is_confirmed(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.mark_queued(run.run_id)
    assert (world.job(job_id).status, world.run(run.run_id).status) == ("queued", "queued")
    assert world.run(run.run_id).queued_at is not None


def test_a_due_job_is_taken_once(world: World) -> None:
    world.add()
    assert len(world.take_due()) == 1
    assert world.take_due() == []


def test_two_dispatchers_at_the_same_moment_take_disjoint_runs(world: World) -> None:
    ids = {world.add() for _ in range(30)}
    first, second = world.engine.connect(), world.engine.connect()
    with first, second, first.begin(), second.begin():
        ours = {run.id for run in due.take_due(first, 10, AGEING)}
        theirs = {run.id for run in due.take_due(second, 10, AGEING)}
    assert len(ours) == len(theirs) == 10
    assert not ours & theirs
    rest = {run.id for run in world.take_due(1000)}
    assert ours | theirs | rest == ids


def test_what_a_dispatcher_rolls_back_is_taken_by_another(world: World) -> None:
    world.add()
    with world.engine.connect() as connection:
        assert len(due.take_due(connection, 10, AGEING)) == 1
        connection.rollback()
    assert len(world.take_due()) == 1


def test_a_run_that_a_crash_undid_is_made_anew_and_its_message_asks_for_nothing(
    world: World,
) -> None:
    job_id = world.add()
    with world.engine.connect() as connection:
        (lost,) = due.take_due(connection, 10, AGEING)
        connection.rollback()
    world.mark_queued(lost.run_id)
    assert world.claim(lost.run_id) == []
    assert world.job(job_id).status == "created"
    (run,) = world.take_due()
    assert (run.id, run.run_id == lost.run_id) == (job_id, False)
    world.mark_queued(run.run_id)
    assert [claimed.run_id for claimed in world.claim(lost.run_id, run.run_id)] == [run.run_id]


def test_many_dispatchers_make_exactly_one_run_of_each_job(world: World) -> None:
    for _ in range(60):
        world.add()
    taken: list[int] = []
    barrier = threading.Barrier(4)

    def dispatcher() -> None:
        barrier.wait()
        while runs := world.take_due(1000):
            taken.extend(run.id for run in runs)

    threads = [threading.Thread(target=dispatcher) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.extend(run.id for run in world.take_due(1000))
    assert sorted(taken) == sorted(world.statuses())


def wait(world: World, job_id: int, minutes: float) -> None:
    """Let a job be due for so many minutes."""
    world.write(
        "UPDATE job SET next_run_at = now() - :minutes * interval '1 minute' WHERE id = :id",
        minutes=minutes,
        id=job_id,
    )


def crowd(world: World, user: str, count: int, priority: int = 0) -> None:
    """Let a user have so many jobs that have just become due."""
    world.write(
        """
        INSERT INTO job (title, description, cpf_cnpj, date, priority, status, creator_id,
                         creator_email, request_id, next_run_at)
        SELECT 'x', '', '1', now(), :priority, 'created', :user, 'x@example.org', '', now()
        FROM generate_series(1, :count)""",
        user=user,
        count=count,
        priority=priority,
    )


def test_each_ageing_time_that_a_job_waits_raises_it_by_a_level(world: World) -> None:
    ids = [world.add(priority=priority) for priority in (0, 0, 1, 2)]
    wait(world, ids[0], minutes=61)
    wait(world, ids[1], minutes=29)
    order = [(run.id, run.priority, run.level) for run in world.take_due()]
    assert order == [(ids[0], 0, 2), (ids[3], 2, 2), (ids[2], 1, 1), (ids[1], 0, 0)]
    assert [run.priority for run in world.runs(ids[0])] == [2]


def test_a_job_that_has_waited_for_days_is_the_most_urgent_and_no_more(world: World) -> None:
    world.add(priority=5)
    old = world.add()
    wait(world, old, minutes=100_000)
    assert [(run.id == old, run.level) for run in world.take_due()] == [(True, 5), (False, 5)]


def test_a_full_window_lets_a_job_through_that_has_aged_beyond_it(world: World) -> None:
    for _ in range(3):
        world.add()
    assert len(world.queue(window=3)) == 3
    old, young = world.add(user="bia"), world.add(user="caio")
    wait(world, old, minutes=31)
    wait(world, young, minutes=29)
    assert [(run.id, run.level) for run in world.take_due(window=3)] == [(old, 1)]


@pytest.mark.parametrize("many", [20, 5000])
def test_one_user_s_many_jobs_hold_up_nobody_else_s(world: World, many: int) -> None:
    crowd(world, "ana", many)
    world.queue(window=8)
    few = [world.add(user="bia") for _ in range(3)]
    lone = world.add(user="caio")
    # Room for one, and for some more.
    first = world.rows("SELECT id FROM run ORDER BY id LIMIT 6")
    world.claim(first[0].id)
    assert [run.id for run in world.take_due(window=8)] == [few[0]]
    world.claim(*(run.id for run in first))
    taken = [run.id for run in world.take_due(window=8)]
    assert taken[:2] == [lone, few[1]]
    assert few[2] in taken


def test_users_who_both_have_many_jobs_take_turns(world: World) -> None:
    for user in ("ana", "bia", "caio"):
        crowd(world, user, 300)
    users = [run.creator_id for run in world.take_due(window=60)]
    assert {user: users.count(user) for user in users} == {"ana": 20, "bia": 20, "caio": 20}
    assert [set(users[place : place + 3]) for place in range(0, 60, 3)] == [{*users}] * 20


@pytest.mark.parametrize("many", [20, 500])
def test_only_the_first_in_a_user_s_line_rises(world: World, many: int) -> None:
    crowd(world, "ana", many)
    world.write("UPDATE job SET next_run_at = now() - interval '3 hours'")
    young = world.add(user="bia")
    taken = world.take_due(window=6)
    assert [run.level for run in taken] == [5, 0, 0, 0, 0, 0]
    assert [run.creator_id for run in taken] == ["ana", "ana", "bia", "ana", "ana", "ana"]
    assert taken[2].id == young
    # Now its first is at the broker.
    world.mark_queued(*(run.run_id for run in taken))
    assert world.take_stranded() == []
    urgent = world.add(user="bia", priority=1)
    assert [run.id for run in world.take_due(window=7)] == [urgent]
    world.claim(taken[0].run_id)
    (risen,) = world.take_stranded()
    assert (risen.run_id, risen.level) == (taken[1].run_id, 5)


def test_a_crowd_of_a_low_priority_hides_no_urgent_job(world: World) -> None:
    crowd(world, "ana", 500)
    crowd(world, "bia", 500, priority=1)
    urgent = world.add(user="caio", priority=5)
    aged = world.add(user="ana", priority=0)
    wait(world, aged, minutes=61)
    taken = world.take_due(window=20)
    assert [run.id for run in taken[:2]] == [urgent, aged]
    assert {run.creator_id for run in taken[2:]} == {"bia"}


def test_every_job_of_a_crowd_gets_its_turn(world: World) -> None:
    for user in range(100):
        crowd(world, f"user{user}", 4)
    taken: list[int] = []
    while runs := world.take_due(window=30):
        taken += [run.id for run in runs]
        run_ids = [run.run_id for run in runs]
        world.mark_queued(*run_ids)
        world.claim(*run_ids)
    assert sorted(taken) == sorted(world.statuses())


def test_what_waits_in_the_ledger_can_be_cancelled_and_given_another_priority(
    world: World,
) -> None:
    ids = [world.add() for _ in range(5)]
    world.queue(window=2)
    world.edit(ids[4], priority=1)
    world.cancel(ids[2])
    assert [run.id for run in world.take_due(window=2)] == [ids[4]]
    for run in world.rows("SELECT id FROM run WHERE status = 'queued'"):
        world.claim(run.id)
    assert [run.id for run in world.take_due(window=2)] == [ids[3]]


def test_a_run_that_waits_too_long_at_the_broker_rises_there(world: World) -> None:
    job_id = world.add(priority=1)
    (run_id,) = world.queue()
    assert world.take_stranded() == []
    world.write("UPDATE run SET waiting_since = now() - interval '65 minutes'")
    (again,) = world.take_stranded()
    assert (again.run_id, again.attempt, again.priority, again.level) == (run_id, 1, 1, 3)
    assert world.take_stranded() == []
    world.mark_queued(run_id)
    assert (world.job(job_id).priority, world.run(run_id).priority) == (1, 3)
    # A worker has it: it waits no longer.
    world.claim(run_id)
    world.write("UPDATE run SET waiting_since = now() - interval '95 minutes'")
    assert world.take_stranded() == []


def test_the_window_bounds_what_waits_at_the_broker(world: World) -> None:
    for _ in range(5):
        world.add()
    queued = world.queue(window=3)
    assert len(queued) == 3
    assert world.take_due(window=3) == []
    world.claim(queued[0])
    assert len(world.take_due(window=3)) == 1


def test_a_full_window_of_low_priority_lets_a_higher_one_through(world: World) -> None:
    for _ in range(5):
        world.add(priority=1)
    assert len(world.queue(window=3)) == 3
    urgent = world.add(priority=2)
    world.add(priority=0)
    assert [run.id for run in world.take_due(window=3)] == [urgent]


def test_higher_priorities_count_in_the_window_of_lower_ones(world: World) -> None:
    for priority in (5, 5, 3, 3, 0, 0):
        world.add(priority=priority)
    assert [run.priority for run in world.take_due(window=3)] == [5, 5, 3]


def test_a_run_that_waits_for_another_attempt_takes_no_room(world: World) -> None:
    _, run_id = world.start()
    world.settle(run_id, Status.QUEUED, retry_in=3600)
    world.add()
    assert len(world.take_due(window=1)) == 1


def test_what_was_never_confirmed_is_published_again_after_its_lease(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    assert world.take_stranded() == []
    world.end_leases()
    (again,) = world.take_stranded()
    assert (again.run_id, again.id, again.attempt) == (run.run_id, job_id, 1)
    # It has a new lease.
    assert world.take_stranded() == []
    world.mark_queued(run.run_id)
    assert world.job(job_id).status == "queued"


def test_what_could_not_be_published_comes_back_after_a_moment(world: World) -> None:
    world.add()
    (run,) = world.take_due()
    with world.engine.begin() as connection:
        dispatch.hand_back_unpublished(connection, [run.run_id], timedelta(0))
    assert [again.run_id for again in world.take_stranded()] == [run.run_id]


def test_handing_back_spares_what_a_worker_has_claimed_meanwhile(world: World) -> None:
    _, run_id = world.start()
    before = world.run(run_id)
    with world.engine.begin() as connection:
        dispatch.hand_back_unpublished(connection, [run_id], timedelta(0))
    assert world.run(run_id) == before


def test_a_confirm_that_comes_after_the_claim_changes_nothing(world: World) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.claim(run.run_id)
    world.mark_queued(run.run_id)
    assert (world.job(job_id).status, world.run(run.run_id).status) == ("processing", "processing")


@pytest.mark.parametrize("status", [Status.PROCESSED, Status.ERROR])
def test_a_confirm_that_comes_after_the_end_changes_nothing(world: World, status: Status) -> None:
    job_id = world.add()
    (run,) = world.take_due()
    world.claim(run.run_id)
    world.settle(run.run_id, status)
    world.mark_queued(run.run_id)
    assert world.job(job_id).status == status


def test_until_a_run_ends_what_happens_to_it_writes_to_none_of_its_indexes(world: World) -> None:
    world.add()
    (run,) = world.take_due()
    in_place = text("SELECT n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'run'")
    with world.engine.begin() as connection:
        dispatch.mark_queued(connection, [run.run_id])
        assert work.claim(connection, [work.Delivery(run.run_id, redelivered=False)], "w")
        work.renew(connection, [run.run_id], "w")
        assert connection.execute(in_place).scalar() == 3


def test_a_message_that_the_broker_lost_is_published_again_after_its_lease(world: World) -> None:
    world.add()
    (run_id,) = world.queue()
    assert world.take_stranded() == []
    world.end_leases()
    assert [run.run_id for run in world.take_stranded()] == [run_id]


def test_keeping_queued_runs_renews_only_their_leases(world: World) -> None:
    world.add()
    (queued,) = world.queue()
    _, running = world.start()
    world.add()
    (unconfirmed,) = world.take_due()
    world.end_leases()
    with world.engine.begin() as connection:
        dispatch.keep_queued(connection)
    assert {run.run_id for run in world.take_stranded()} == {running, unconfirmed.run_id}
    assert world.run(queued).lease_until > world.now()


def test_the_run_of_a_dead_worker_is_published_again(world: World) -> None:
    job_id, run_id = world.start()
    world.end_leases()
    (again,) = world.take_stranded()
    assert (again.run_id, again.attempt) == (run_id, 2)
    run = world.run(run_id)
    assert (run.status, run.worker) == ("queued", None)
    assert world.job(job_id).status == "queued"


def test_a_live_worker_keeps_its_run(world: World) -> None:
    _, run_id = world.start()
    assert world.take_stranded() == []
    assert world.run(run_id).status == "processing"


def test_a_retry_is_published_when_it_is_due_and_not_before(world: World) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.QUEUED, retry_in=3600, error_code="unavailable")
    assert world.take_due() == []
    world.end_pauses()
    (again,) = world.take_due()
    assert (again.run_id, again.attempt) == (run_id, 2)
    assert world.job(job_id).status == "queued"
    assert world.take_due() == []


def test_attempts_wait_for_room_and_for_their_turn_like_jobs(world: World) -> None:
    for _ in range(6):
        _, run_id = world.start(user="ana")
        # Its age is that of this attempt, not of the job.
        world.write(
            "UPDATE run SET scheduled_for = now() - interval '5 hours' WHERE id = :id", id=run_id
        )
        world.settle(run_id, Status.QUEUED, retry_in=60, error_code="unavailable")
    world.end_pauses()
    lone = world.add(user="bia")
    taken = world.take_due(window=4)
    assert [run.level for run in taken] == [0] * 4
    assert [run.attempt for run in taken] == [2, 1, 2, 2]
    assert taken[1].id == lone
    assert world.take_due(window=4) == []


def test_two_dispatchers_take_disjoint_stranded_runs(world: World) -> None:
    for _ in range(6):
        world.add()
    world.queue()
    world.end_leases()
    first, second = world.engine.connect(), world.engine.connect()
    with first, second, first.begin(), second.begin():
        ours = {run.run_id for run in dispatch.take_stranded(first, 3, AGEING)}
        theirs = {run.run_id for run in dispatch.take_stranded(second, 100, AGEING)}
    assert len(ours) == len(theirs) == 3
    assert not ours & theirs


def test_stranded_runs_are_published_by_priority(world: World) -> None:
    ids = [world.add(priority=priority) for priority in (1, 5, 3)]
    world.queue()
    world.end_leases()
    assert [run.id for run in world.take_stranded()] == [ids[1], ids[2], ids[0]]


def seconds_to_next(world: World, since: float = 0.0) -> float:
    with world.engine.connect() as connection:
        return queries.seconds_to_next_run(connection, 7200, since)


def test_the_time_to_the_next_run_is_told(world: World) -> None:
    assert seconds_to_next(world) == 7200
    world.add(due_in=3600)
    assert 3500 < seconds_to_next(world) <= 3600
    _, run_id = world.start()
    # The worker may be gone by then.
    assert 50 < seconds_to_next(world) <= 60
    world.settle(run_id, Status.QUEUED, retry_in=40)
    assert 30 < seconds_to_next(world) <= 40
    world.end_pauses()
    # What is due already is no reason to wait, unless nobody has looked since.
    assert 3500 < seconds_to_next(world) <= 3600
    assert -10 < seconds_to_next(world, since=10) <= 0


def test_queued_runs_are_counted_only_when_one_is_past_its_lease(world: World) -> None:
    for _ in range(3):
        world.add()
    run_ids = world.queue()
    with world.engine.connect() as connection:
        assert queries.count_unclaimed_past_lease(connection) == 0
    world.write("UPDATE run SET lease_until = now() WHERE id = :id", id=run_ids[0])
    with world.engine.connect() as connection:
        assert queries.count_unclaimed_past_lease(connection) == 3
