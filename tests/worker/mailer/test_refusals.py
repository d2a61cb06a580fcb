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


def test_mail_that_makes_the_server_hang_up_does_not_hold_up_the_others(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.hangs_up_on.add("eva@example.com")
    bad = queue_mail(ledger, "eva@example.com")
    good = [queue_mail(ledger, f"p{number}@example.com") for number in range(3)]

    start_mailer(postbox.port)
    wait_sent(ledger, *good)

    assert row(ledger, bad).last_error.startswith("connection lost: ")
    assert row(ledger, bad).waits
    assert [row(ledger, mail_id).attempts for mail_id in good] == [1, 1, 1]


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
