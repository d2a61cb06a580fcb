import threading
from datetime import timedelta
from typing import Any

from core.ledger.transitions import mails
from tests.world import World

LEASE = timedelta(seconds=60)


def queue(world: World, count: int) -> None:
    world.write(
        "INSERT INTO mail (key, kind, recipient, context) "
        "SELECT 'k' || n, 'started', 'a@b.example', '{}' FROM generate_series(1, :count) AS n",
        count=count,
    )


def claim(world: World, limit: int = 100) -> list[Any]:
    with world.engine.begin() as connection:
        return list(mails.claim_mails(connection, limit, LEASE))


def keys(claimed: list[Any]) -> list[str]:
    return [mail.key for mail in claimed]


def note(world: World, change: Any, *details: Any) -> None:
    with world.engine.begin() as connection:
        change(connection, *details)


def make_due(world: World) -> None:
    world.write("UPDATE mail SET next_attempt_at = now() WHERE next_attempt_at > now()")


def test_mails_are_claimed_oldest_first_and_counted(world: World) -> None:
    queue(world, 5)
    claimed = claim(world, 3)
    assert keys(claimed) == ["k1", "k2", "k3"]
    assert {mail.attempts for mail in claimed} == {1}
    assert keys(claim(world)) == ["k4", "k5"]
    assert claim(world) == []


def test_a_claimed_mail_comes_back_when_its_lease_ends(world: World) -> None:
    queue(world, 1)
    claim(world)
    make_due(world)
    (again,) = claim(world)
    assert again.attempts == 2


def test_two_mailers_at_the_same_moment_claim_disjoint_mails(world: World) -> None:
    queue(world, 10)
    first, second = world.engine.connect(), world.engine.connect()
    with first, second, first.begin(), second.begin():
        ours = set(keys(list(mails.claim_mails(first, 6, LEASE))))
        theirs = set(keys(list(mails.claim_mails(second, 6, LEASE))))
    assert (len(ours), len(theirs)) == (6, 4)
    assert not ours & theirs


def test_many_mailers_claim_every_mail_once(world: World) -> None:
    queue(world, 200)
    claimed: list[str] = []

    def mailer() -> None:
        while batch := claim(world, 7):
            claimed.extend(keys(batch))

    threads = [threading.Thread(target=mailer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claimed.extend(keys(claim(world)))
    assert len(claimed) == len(set(claimed)) == 200


def test_a_sent_mail_is_never_claimed_again(world: World) -> None:
    queue(world, 1)
    (mail,) = claim(world)
    note(world, mails.mark_mails_sent, [mail.id])
    make_due(world)
    assert claim(world) == []
    assert world.mails()[0].sent_at is not None


def test_what_was_sent_is_marked_as_the_next_are_claimed(world: World) -> None:
    queue(world, 3)
    sent = claim(world, 2)
    make_due(world)
    with world.engine.begin() as connection:
        (left,) = mails.claim_mails(connection, 9, LEASE, [mail.id for mail in sent])
    assert left.key == "k3"
    assert [mail.sent_at is not None for mail in world.mails()] == [True, True, False]


def test_a_mail_that_failed_for_good_is_never_claimed_again(world: World) -> None:
    queue(world, 1)
    (mail,) = claim(world)
    note(world, mails.mark_mail_failed, mail.id, "550 no such user")
    make_due(world)
    assert claim(world) == []
    assert world.mails()[0].last_error == "550 no such user"


def test_a_mail_to_be_tried_later_waits(world: World) -> None:
    queue(world, 1)
    (mail,) = claim(world)
    note(world, mails.retry_mail, mail.id, "451 busy", timedelta(hours=1))
    assert claim(world) == []
    make_due(world)
    (again,) = claim(world)
    assert again.attempts == 2
    note(world, mails.mark_mails_sent, [mail.id])
    assert world.mails()[0].last_error is None


def test_a_released_mail_is_claimed_at_once_and_uncounted(world: World) -> None:
    queue(world, 2)
    first, second = claim(world)
    note(world, mails.mark_mails_sent, [second.id])
    note(world, mails.release_mails, [first.id, second.id])
    (again,) = claim(world)
    assert (again.id, again.attempts) == (first.id, 1)


def test_released_mails_are_not_overtaken_by_those_that_were_queued_later(world: World) -> None:
    queue(world, 5)
    note(world, mails.release_mails, [mail.id for mail in claim(world, 2)])
    assert keys(claim(world, 3)) == ["k1", "k2", "k3"]
