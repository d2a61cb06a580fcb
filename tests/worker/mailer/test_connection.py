"""Answers that do not end."""

import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from devstack.ports import LOOPBACK
from worker.mails.connection import Connection

HELD_AT_MOST_SECONDS = 10.0


@pytest.fixture
def talker(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give the port of a server that greets with the same piece again and again."""
    piece, pause = request.param

    def talk() -> None:
        client, _ = server.accept()
        until = time.monotonic() + HELD_AT_MOST_SECONDS
        with client, suppress(OSError):
            while time.monotonic() < until:
                client.sendall(piece)
                time.sleep(pause)

    with socket.create_server((LOOPBACK, 0)) as server:
        thread = threading.Thread(target=talk)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("talker", [(b"2", 0.02)], ids=["byte by byte"], indirect=True)
def test_answer_that_comes_in_pieces_has_no_more_time_than_another(
    talker: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "answer_seconds", 0.3)
    begun = time.monotonic()

    with pytest.raises(smtplib.SMTPServerDisconnected, match=r"does not end|timed out"):
        Connection(LOOPBACK, talker)

    assert time.monotonic() - begun < HELD_AT_MOST_SECONDS / 2


@pytest.mark.parametrize("talker", [(b"220-hello\r\n" * 500, 0)], ids=["lines"], indirect=True)
def test_answer_of_too_many_lines_is_none(talker: int) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected, match="does not end"):
        Connection(LOOPBACK, talker)
