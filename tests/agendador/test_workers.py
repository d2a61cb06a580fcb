from sqlalchemy import Engine, text

from core.ledger.presence import Presence
from core.ledger.transitions import workers
from tests.agendador.conftest import Caller


def age(ledger: Engine, seconds: int) -> None:
    """Let so much time have passed since anybody gave a sign of life."""
    with ledger.begin() as connection:
        connection.execute(
            text("UPDATE worker_seen SET seen_at = seen_at - make_interval(secs => :seconds)"),
            {"seconds": seconds},
        )


def test_administrators_see_who_is_there_and_who_is_missing(admin: Caller, ledger: Engine) -> None:
    silent = Presence("lookups", 8)
    silent.tell(ledger)
    age(ledger, 31)
    there = Presence("mail")
    there.tell(ledger)

    lookups, mail = admin.get("/admin/workers").json["data"]

    assert (lookups["name"], lookups["missing"]) == (silent.name, True)
    assert (lookups["slots"], lookups["at_work"]) == (8, 0)
    assert (mail["name"], mail["missing"], mail["at_work"]) == (there.name, False, None)
    assert mail["started_at"] == mail["seen_at"] > lookups["seen_at"]


def test_signs_of_life_are_given_now_and_then(ledger: Engine, admin: Caller) -> None:
    worker = Presence("dispatch")
    worker.tell(ledger)
    age(ledger, 31)

    worker.tell(ledger)

    (seen,) = admin.get("/admin/workers").json["data"]
    assert seen["missing"]


def test_who_ends_in_good_order_is_not_missed_and_who_does_not_for_an_hour(
    ledger: Engine, admin: Caller
) -> None:
    dead, ended, there = (Presence("lookups") for _ in range(3))
    dead.tell(ledger)
    age(ledger, workers.REMEMBER_SECONDS + 1)
    ended.tell(ledger)
    there.tell(ledger)

    ended.leave(ledger)

    assert [one["name"] for one in admin.get("/admin/workers").json["data"]] == [there.name]
