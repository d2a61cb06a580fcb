"""Mails that the server does not take."""

import pytest
from sqlalchemy import Engine, text

from tests.waiting import wait_until
from tests.worker.mailer.postbox import Postbox
from tests.worker.mailer.rows import StartMailer, logged, make_due, queue_mail, row, wait_sent

pytestmark = pytest.mark.parametrize(
    "postbox", [False, True], ids=["one by one", "pipelining"], indirect=True
)


def test_refused_recipient_fails_alone_and_says_why(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.answers["eva@example.com"] = "550 5.1.1 <eva@example.com> no such user"
    before = queue_mail(ledger, "ana@example.com")
    refused = queue_mail(ledger, "eva@example.com")
    after = queue_mail(ledger, "bia@example.com")

    mailer = start_mailer(postbox.port)
    wait_sent(ledger, before, after)

    failed = row(ledger, refused)
    assert failed.failed_at is not None
    assert failed.sent_at is None
    assert failed.last_error == "recipient: 550 5.1.1 <eva@example.com> no such user"
    assert len(postbox.connections) == 1
    assert "eva@example.com" not in mailer.log.read_text()


def test_temporary_refusal_is_tried_again_later(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.answers["eva@example.com"] = "451 4.7.1 greylisted"
    delayed = queue_mail(ledger, "eva@example.com")
    other = queue_mail(ledger, "ana@example.com")
    start_mailer(postbox.port)
    wait_sent(ledger, other)

    put_off = row(ledger, delayed)
    assert put_off.last_error == "recipient: 451 4.7.1 greylisted"
    assert put_off.failed_at is None
    assert 0 < put_off.waits_seconds <= 10

    postbox.answers.clear()
    make_due(ledger)
    wait_sent(ledger, delayed)

    assert row(ledger, delayed).attempts == 2
    assert row(ledger, delayed).last_error is None


def test_each_delay_is_longer_until_the_mail_is_given_up(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.answers["eva@example.com"] = "451 4.7.1 greylisted"
    mail_id = queue_mail(ledger, "eva@example.com")
    start_mailer(postbox.port, MAX_MAIL_ATTEMPTS="3")
    delays = []
    for attempt in (1, 2):
        wait_until(lambda: (r := row(ledger, mail_id)).last_error and r.attempts == attempt)  # noqa: B023
        delays.append(row(ledger, mail_id).waits_seconds)
        with ledger.begin() as connection:
            connection.execute(text("UPDATE mail SET next_attempt_at = now(), last_error = NULL"))

    wait_until(lambda: row(ledger, mail_id).failed_at, because="not given up")

    assert delays[0] <= 10 < delays[1] <= 30
    assert row(ledger, mail_id).attempts == 3
    assert row(ledger, mail_id).last_error == "recipient: 451 4.7.1 greylisted"


def test_refused_content_fails_alone_and_says_why(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.words["eva@example.com"] = "554 5.6.0 not wanted"
    postbox.words["ivo@example.com"] = "451 4.3.0 later"
    postbox.answers["leo@example.com"] = "550 5.1.1 no such user"
    ana, eva, ivo, bia, leo, caio = (
        queue_mail(ledger, f"{name}@example.com")
        for name in ("ana", "eva", "ivo", "bia", "leo", "caio")
    )

    start_mailer(postbox.port)
    wait_sent(ledger, ana, bia, caio)

    assert postbox.received == ["ana@example.com", "bia@example.com", "caio@example.com"]
    assert len(postbox.connections) == 1
    assert row(ledger, eva).failed_at is not None
    assert row(ledger, eva).last_error == "content: 554 5.6.0 not wanted"
    assert row(ledger, ivo).last_error == "content: 451 4.3.0 later"
    assert row(ledger, ivo).waits
    assert row(ledger, leo).last_error == "recipient: 550 5.1.1 no such user"


@pytest.mark.parametrize("early", [False, True], ids=["at its content", "at its recipient"])
def test_mail_that_makes_the_server_hang_up_does_not_hold_up_the_others(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer, *, early: bool
) -> None:
    postbox.hangs_up_on.add("eva@example.com")
    postbox.hangs_up_early = early
    before = queue_mail(ledger, "ana@example.com")
    bad = queue_mail(ledger, "eva@example.com")
    good = [queue_mail(ledger, f"p{number}@example.com") for number in range(3)]

    mailer = start_mailer(postbox.port)
    wait_sent(ledger, before, *good)

    assert row(ledger, bad).last_error.startswith("connection lost: ")
    assert row(ledger, bad).waits
    assert [row(ledger, mail_id).attempts for mail_id in (before, *good)] == [1, 1, 1, 1]
    assert set(postbox.times().values()) == {1}
    assert logged(mailer, "smtp_server_away") == []


def test_mail_that_the_server_closes_over_is_put_off_and_the_others_go_over_a_new_connection(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.words["eva@example.com"] = "421 4.7.0 too many, closing"
    bad = queue_mail(ledger, "eva@example.com")
    good = [queue_mail(ledger, f"p{number}@example.com") for number in range(3)]

    start_mailer(postbox.port)
    wait_sent(ledger, *good)

    assert row(ledger, bad).last_error == "content: 421 4.7.0 too many, closing"
    assert row(ledger, bad).waits
    assert [row(ledger, mail_id).attempts for mail_id in good] == [1, 1, 1]
    assert len(postbox.connections) == 2


def test_server_that_hangs_up_at_a_sender_costs_no_mail_an_attempt(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.hangs_up_at_senders.add(2)
    ids = [queue_mail(ledger, f"p{number}@example.com") for number in range(4)]

    mailer = start_mailer(postbox.port, MAX_MAIL_ATTEMPTS="1")
    wait_sent(ledger, *ids)

    assert [row(ledger, mail_id).attempts for mail_id in ids] == [1, 1, 1, 1]
    assert postbox.received == [f"p{number}@example.com" for number in range(4)]
    assert len(logged(mailer, "smtp_server_away")) == 1


def test_mail_that_was_taken_before_the_server_left_is_not_sent_again(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.leaves_after |= {"p0@example.com", "p2@example.com"}
    ids = [queue_mail(ledger, f"p{number}@example.com") for number in range(4)]

    start_mailer(postbox.port, MAX_MAIL_ATTEMPTS="1")
    wait_sent(ledger, *ids)

    assert postbox.times() == {f"p{number}@example.com": 1 for number in range(4)}


def test_server_that_refuses_our_sender_fails_no_mail(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.sender_answer = "550 5.7.1 sender not allowed"
    mailer = start_mailer(postbox.port, MAX_MAIL_ATTEMPTS="1")
    mail_id = queue_mail(ledger, "ana@example.com")
    wait_until(lambda: len(logged(mailer, "smtp_server_away")) >= 2, because="not noticed")

    postbox.sender_answer = "250 2.1.0 OK"
    wait_sent(ledger, mail_id)

    assert row(ledger, mail_id).attempts == 1
    assert "550 5.7.1 sender not allowed" in logged(mailer, "smtp_server_away")[0]["error"]
