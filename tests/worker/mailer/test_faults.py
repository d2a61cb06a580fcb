"""What goes away and comes back while mails are sent."""

import signal

from sqlalchemy import Engine

from devstack.process import Program
from tests.waiting import wait_until
from tests.worker.mailer.outage import cut_off, let_in
from tests.worker.mailer.postbox import Postbox
from tests.worker.mailer.rows import StartMailer, logged, make_due, queue_mail, row, wait_sent


def test_killed_mailer_sends_nothing_again_but_the_mail_that_it_died_over(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    first, second = queue_mail(ledger, "ana@example.com"), queue_mail(ledger, "bia@example.com")
    mailer = start_mailer(postbox.port)
    wait_sent(ledger, first, second)
    postbox.open_gate.clear()
    third = queue_mail(ledger, "caio@example.com")
    fourth = queue_mail(ledger, "davi@example.com")
    wait_until(lambda: len(postbox.received) == 3, because="the third mail was not begun")

    mailer.kill()
    postbox.open_gate.set()
    make_due(ledger)
    start_mailer(postbox.port)
    wait_sent(ledger, third, fourth)

    assert postbox.received == [
        "ana@example.com",
        "bia@example.com",
        "caio@example.com",
        "caio@example.com",
        "davi@example.com",
    ]
    # The receiver can tell that the two are one.
    assert postbox.message_ids[2] == postbox.message_ids[3]
    assert len(set(postbox.message_ids)) == 4


def test_server_that_is_away_costs_no_mail_an_attempt(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    postbox.stop()
    mailer = start_mailer(postbox.port, MAX_MAIL_ATTEMPTS="1")
    ids = [queue_mail(ledger, f"p{number}@example.com") for number in range(3)]
    wait_until(lambda: len(logged(mailer, "smtp_server_away")) >= 3, because="not noticed")

    postbox.start()
    wait_sent(ledger, *ids)

    assert [row(ledger, mail_id).attempts for mail_id in ids] == [1, 1, 1]
    assert postbox.times().total() == 3
    assert "ConnectionRefusedError" in logged(mailer, "smtp_server_away")[0]["error"]


def test_connection_that_broke_meanwhile_is_opened_anew(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    start_mailer(postbox.port, MAX_MAIL_ATTEMPTS="1")
    wait_sent(ledger, queue_mail(ledger, "ana@example.com"))

    postbox.stop()
    postbox.start()
    second = queue_mail(ledger, "bia@example.com")
    wait_sent(ledger, second)

    assert postbox.times() == {"ana@example.com": 1, "bia@example.com": 1}
    assert row(ledger, second).attempts == 1


def hold_one_back(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> tuple[int, Program]:
    """Start a mailer whose first mail the server has and does not answer."""
    postbox.open_gate.clear()
    mail_id = queue_mail(ledger, "ana@example.com")
    mailer = start_mailer(postbox.port)
    wait_until(lambda: postbox.received, because="the mail was not begun")
    return mail_id, mailer


def test_mail_that_was_taken_while_the_database_was_away_is_marked_when_it_is_back(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    mail_id, mailer = hold_one_back(ledger, postbox, start_mailer)

    cut_off(ledger)
    postbox.open_gate.set()
    wait_until(lambda: logged(mailer, "database_lost"), because="not noticed")
    let_in(ledger)
    second = queue_mail(ledger, "bia@example.com")
    wait_sent(ledger, mail_id, second)

    assert postbox.times() == {"ana@example.com": 1, "bia@example.com": 1}


def test_mailer_told_to_stop_without_the_database_says_what_is_not_marked_and_ends(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    mail_id, mailer = hold_one_back(ledger, postbox, start_mailer)
    process = mailer.process()
    assert process is not None

    cut_off(ledger)
    process.send_signal(signal.SIGTERM)
    postbox.open_gate.set()
    wait_until(lambda: mailer.process() is None, because="the mailer did not stop")
    let_in(ledger)

    assert [entry["mail_id"] for entry in logged(mailer, "mail_not_noted")] == [[mail_id]]
    assert logged(mailer, "mailer_stopped")
    assert row(ledger, mail_id).sent_at is None


def test_idle_mailer_survives_the_database_going_away(
    ledger: Engine, postbox: Postbox, start_mailer: StartMailer
) -> None:
    mailer = start_mailer(postbox.port)
    wait_sent(ledger, queue_mail(ledger, "ana@example.com"))

    cut_off(ledger)
    wait_until(lambda: len(logged(mailer, "database_lost")) >= 2, because="not noticed")
    let_in(ledger)

    wait_sent(ledger, queue_mail(ledger, "bia@example.com"))
