import json
import uuid

import pytest
from psycopg2 import DataError, IntegrityError
from sqlalchemy import text

from core.ledger.models import Status
from core.ledger.transitions import work
from core.ledger.transitions.work import Delivery, Outcome
from tests.world import W1, W2, World, company


def test_a_claimed_run_is_at_work_and_its_start_is_mailed(world: World) -> None:
    job_id = world.add(priority=4, request_id="r-1")
    (run_id,) = world.queue()
    (claimed,) = world.claim(run_id)
    assert (claimed.run_id, claimed.attempt, claimed.priority) == (run_id, 1, 4)
    assert (claimed.job_id, claimed.cpf_cnpj, claimed.request_id) == (
        job_id,
        "00000000000191",
        "r-1",
    )
    run = world.run(run_id)
    assert (run.status, run.attempt, run.worker) == ("processing", 1, W1)
    assert run.lease_until > world.now()
    assert world.job(job_id).status == "processing"
    (mail,) = world.mails()
    assert (mail.key, mail.kind) == (f"run:{run_id}:started", "started")
    assert mail.recipient == "maria@example.org"
    assert mail.context["job_id"] == job_id


def test_claims_come_back_in_the_order_in_which_they_were_asked(world: World) -> None:
    for _ in range(5):
        world.add()
    run_ids = world.queue()[::-1]
    claimed = world.claim(*run_ids)
    assert [run.run_id for run in claimed] == run_ids
    started = [run.started_at for run in claimed]
    assert started == sorted(set(started))
    assert [mail.key for mail in world.mails()] == [f"run:{i}:started" for i in run_ids]


def test_a_claim_that_a_crash_undid_is_made_again_and_its_outcome_dropped(world: World) -> None:
    world.add()
    (run_id,) = world.queue()
    with world.engine.connect() as connection:
        (lost,) = work.claim(connection, [Delivery(run_id, redelivered=False)], W1)
        connection.rollback()
    assert not world.settle(run_id, Status.PROCESSED, lost.attempt)
    assert (world.run(run_id).status, world.results(), world.mails()) == ("queued", [], [])
    assert [run.attempt for run in world.claim(run_id)] == [1]
    assert world.settle(run_id, Status.PROCESSED)
    assert world.mail_kinds(run_id) == ["started", "finished"]


def test_a_claim_s_commit_alone_waits_for_no_disk(world: World) -> None:
    world.add()
    (run_id,) = world.queue()
    waits = text("SHOW synchronous_commit")
    with world.engine.connect() as connection:
        connection.execute(text("SET synchronous_commit = on"))
        connection.commit()
        assert work.claim(connection, [Delivery(run_id, redelivered=False)], W1)
        assert connection.execute(waits).scalar_one() == "off"
        connection.commit()
        assert connection.execute(waits).scalar_one() == "on"


def test_what_recurs_does_not_end_alone(world: World) -> None:
    world.add()
    world.add(recurrence="FREQ=DAILY")
    claimed = world.claim(*world.queue())
    assert sorted((run.recurs, work.ends_alone(run)) for run in claimed) == [
        (False, True),
        (True, False),
    ]


def test_a_run_may_be_claimed_before_its_confirm_is_noted(world: World) -> None:
    world.add()
    (run,) = world.take_due()
    assert len(world.claim(run.run_id)) == 1
    assert world.run(run.run_id).queued_at <= world.run(run.run_id).started_at


def test_a_run_that_a_live_worker_holds_is_not_claimed(world: World) -> None:
    _, run_id = world.start()
    assert world.claim(run_id, worker=W2) == []
    assert world.run(run_id).worker == W1


def test_a_redelivered_message_may_be_claimed_although_the_old_claim_holds(world: World) -> None:
    _, run_id = world.start()
    (claimed,) = world.claim(run_id, worker=W2, redelivered=True)
    assert claimed.attempt == 2
    assert world.mail_kinds(run_id) == ["started"]


def test_a_run_whose_lease_has_ended_may_be_claimed(world: World) -> None:
    _, run_id = world.start()
    world.end_leases()
    assert len(world.claim(run_id, worker=W2)) == 1


@pytest.mark.parametrize("status", [Status.PROCESSED, Status.ERROR])
@pytest.mark.parametrize("redelivered", [True, False])
def test_a_run_that_has_ended_is_never_claimed(
    world: World, status: Status, *, redelivered: bool
) -> None:
    _, run_id = world.start()
    world.settle(run_id, status)
    assert world.claim(run_id, redelivered=redelivered) == []
    assert world.claim(run_id, redelivered=redelivered, worker=W2) == []


@pytest.mark.parametrize("redelivered", [True, False])
def test_a_run_that_waits_for_another_attempt_is_not_claimed(
    world: World, *, redelivered: bool
) -> None:
    _, run_id = world.start()
    world.settle(run_id, Status.QUEUED, retry_in=3600)
    assert world.claim(run_id, redelivered=redelivered) == []


def test_a_run_that_does_not_exist_is_not_claimed(world: World) -> None:
    world.add()
    (run_id,) = world.queue()
    claimed = world.claim(uuid.uuid4(), run_id, uuid.uuid4())
    assert [run.run_id for run in claimed] == [run_id]


def test_nothing_is_claimed_of_nothing(world: World) -> None:
    assert world.claim() == []


def test_a_run_that_is_asked_for_twice_at_once_is_claimed_once(world: World) -> None:
    world.add()
    (run_id,) = world.queue()
    assert len(world.claim(run_id, run_id)) == 1
    assert world.run(run_id).attempt == 1


def test_a_processed_run_stores_its_result_and_mails_its_end(world: World) -> None:
    job_id, run_id = world.start()
    told = company(cnpj="00000000000191", nome_empresarial="BANCO", uf="DF", source="receita")
    assert world.settle(run_id, Status.PROCESSED, company=told)
    run = world.run(run_id)
    assert (run.status, run.source, run.worker, run.lease_until) == (
        "processed",
        "receita",
        None,
        None,
    )
    assert run.finished_at >= run.started_at
    assert world.job(job_id).status == "processed"
    (result,) = world.results()
    assert (result.run_id, result.job_id, result.creator_id) == (run_id, job_id, "maria")
    assert (result.nome_empresarial, result.uf, result.porte) == ("BANCO", "DF", "")
    assert world.mail_kinds(run_id) == ["started", "finished"]
    end = world.mails()[-1].context
    assert (end["status"], end["company"]["nome_empresarial"]) == ("processed", "BANCO")
    assert end["duration_ms"] >= 0


def test_what_a_page_says_is_stored_as_it_is(world: World) -> None:
    _, run_id = world.start()
    odd = 'D\'ÁGUA "& CIA" \\ %s :x {} 🏢\n\t'
    partners = [{"nome": odd, "qualificacao": ":run_ids"}]
    world.settle(
        run_id,
        Status.PROCESSED,
        company=company(nome_fantasia=odd, quadro_societario=partners),
    )
    (result,) = world.results()
    assert (result.nome_fantasia, result.quadro_societario) == (odd, partners)


def test_an_error_is_stored_and_mailed(world: World) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.ERROR, error_code="captcha", error_detail="Pede captcha.")
    run = world.run(run_id)
    assert (run.status, run.error_code, run.error_detail) == ("error", "captcha", "Pede captcha.")
    assert world.job(job_id).status == "error"
    end = world.mails()[-1].context
    assert (end["status"], end["error_code"], end["company"]) == ("error", "captcha", None)
    assert world.results() == []


def test_a_transient_failure_waits_and_mails_nothing(world: World) -> None:
    job_id, run_id = world.start()
    world.settle(run_id, Status.QUEUED, retry_in=120, error_code="unavailable")
    run = world.run(run_id)
    assert (run.status, run.attempt, run.error_code) == ("queued", 1, "unavailable")
    assert 110 < (run.next_attempt_at - world.now()).total_seconds() <= 120
    assert run.finished_at is None
    assert world.job(job_id).status == "queued"
    assert world.mail_kinds(run_id) == ["started"]


def test_the_next_attempt_starts_clean_and_mails_no_second_start(world: World) -> None:
    _, run_id = world.start()
    began = world.run(run_id).started_at
    world.settle(run_id, Status.QUEUED, retry_in=0, error_code="unavailable")
    world.take_due()
    world.claim(run_id, worker=W2)
    run = world.run(run_id)
    assert (run.attempt, run.error_code, run.started_at) == (2, None, began)
    assert world.settle(run_id, Status.PROCESSED, attempt=2, worker=W2)
    assert world.mail_kinds(run_id) == ["started", "finished"]


def test_an_attempt_that_was_none_does_not_count(world: World) -> None:
    _, run_id = world.start()
    world.settle(run_id, Status.QUEUED, retry_in=0, counts=False)
    assert world.run(run_id).attempt == 0
    world.take_due()
    (claimed,) = world.claim(run_id)
    assert claimed.attempt == 1
    assert world.mail_kinds(run_id) == ["started"]


def test_a_worker_that_was_taken_over_can_settle_nothing(world: World) -> None:
    _, run_id = world.start()
    world.claim(run_id, worker=W2, redelivered=True)
    assert not world.settle(run_id, Status.PROCESSED, attempt=1, worker=W1)
    assert not world.settle(run_id, Status.PROCESSED, attempt=2, worker=W1)
    assert not world.settle(run_id, Status.PROCESSED, attempt=1, worker=W2)
    assert world.run(run_id).status == "processing"
    assert world.results() == []
    assert world.settle(run_id, Status.PROCESSED, attempt=2, worker=W2)
    assert len(world.results()) == 1


def test_a_worker_that_was_presumed_dead_can_settle_nothing(world: World) -> None:
    _, run_id = world.start()
    world.end_leases()
    world.take_stranded()
    assert not world.settle(run_id, Status.PROCESSED)
    assert world.run(run_id).status == "queued"


@pytest.mark.parametrize("again", [Status.PROCESSED, Status.ERROR, Status.QUEUED])
def test_settling_twice_changes_nothing(world: World, again: Status) -> None:
    _, run_id = world.start()
    world.settle(run_id, Status.PROCESSED)
    before = world.run(run_id)
    assert not world.settle(run_id, again, retry_in=1)
    assert world.run(run_id) == before
    assert len(world.results()) == 1
    assert world.mail_kinds(run_id) == ["started", "finished"]


def test_outcomes_are_stored_all_or_none(world: World) -> None:
    for _ in range(2):
        world.add()
    good, bad = world.queue()
    world.claim(good, bad)
    outcomes = [
        Outcome(good, 1, Status.PROCESSED, source="receita", company=company()),
        Outcome(bad, 1, Status.PROCESSED, source="receita", company=company(uf="\0")),
    ]
    with pytest.raises(DataError), world.engine.begin() as connection:
        work.settle(connection, outcomes, W1)
    assert {world.run(run_id).status for run_id in (good, bad)} == {"processing"}
    assert world.results() == []


def test_a_result_without_one_of_its_fields_is_refused(world: World) -> None:
    _, run_id = world.start()
    lacking = company()
    del lacking["uf"]
    with pytest.raises(IntegrityError):
        world.settle(run_id, Status.PROCESSED, company=lacking)


def test_a_batch_settles_what_it_may_and_tells_which(world: World) -> None:
    for _ in range(3):
        world.add()
    mine, taken, cancelled = world.queue()
    world.claim(mine, taken, cancelled)
    world.claim(taken, worker=W2, redelivered=True)
    world.cancel(world.run(cancelled).job_id)
    outcomes = [
        Outcome(run_id, 1, Status.PROCESSED, source="receita", company=company())
        for run_id in (mine, taken, cancelled)
    ]
    with world.engine.begin() as connection:
        assert work.settle(connection, outcomes, W1) == {mine}
    assert [result.run_id for result in world.results()] == [mine]


def test_a_released_run_is_as_if_it_had_not_been_claimed(world: World) -> None:
    job_id, run_id = world.start()
    world.release(run_id)
    run = world.run(run_id)
    assert (run.status, run.attempt, run.worker) == ("queued", 0, None)
    assert world.job(job_id).status == "queued"
    assert not world.settle(run_id, Status.PROCESSED)
    (claimed,) = world.claim(run_id, worker=W2, redelivered=True)
    assert claimed.attempt == 1
    assert world.mail_kinds(run_id) == ["started"]


def test_a_worker_releases_only_what_is_its_own(world: World) -> None:
    _, run_id = world.start()
    world.release(run_id, worker=W2)
    assert world.run(run_id).status == "processing"
    world.settle(run_id, Status.PROCESSED)
    world.release(run_id)
    assert world.run(run_id).status == "processed"


def test_a_sign_of_life_renews_the_lease_of_a_worker_s_own_runs(world: World) -> None:
    _, run_id = world.start()
    world.end_leases()
    with world.engine.begin() as connection:
        work.renew(connection, [run_id], W2)
    assert world.run(run_id).lease_until <= world.now()
    with world.engine.begin() as connection:
        work.renew(connection, [run_id], W1)
    assert world.run(run_id).lease_until > world.now()
    assert world.take_stranded() == []


def test_outcomes_hold_what_json_can_carry(world: World) -> None:
    _, run_id = world.start()
    detail = json.dumps({"ção": ["\\", "'"]}, ensure_ascii=False)
    world.settle(run_id, Status.ERROR, error_code="x", error_detail=detail)
    assert world.run(run_id).error_detail == detail
