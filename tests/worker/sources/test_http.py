import gzip
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests

from tests.worker.sources.service import Answer, Service
from worker.sources import http
from worker.sources.errors import Unavailable

Write = Callable[[bytes], object]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with http.new_session() as session:
        yield session


def test_an_answer_has_its_status_and_body(service: Service, session: requests.Session) -> None:
    service.says("x", 404, b"nothing here")

    reply = _get(service, session)

    assert (reply.status, reply.body, reply.retry_after) == (404, b"nothing here", None)


def test_a_wish_to_wait_is_read_in_seconds_and_as_a_date(
    service: Service, session: requests.Session
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    for header, seconds in [("7", 7), (moment, 90), ("-3", None), ("x", None), ("9" * 30, 86_400)]:
        service.says("x", 429, b"", Retry_After=header)

        wish = _get(service, session).retry_after

        assert wish == (None if seconds is None else pytest.approx(seconds, abs=2))


def test_compressed_answers_are_read(service: Service, session: requests.Session) -> None:
    service.says("x", 200, gzip.compress(b"a" * 1_000), Content_Encoding="gzip")

    assert _get(service, session).body == b"a" * 1_000


@pytest.mark.parametrize("size", [http.MAX_BODY_BYTES + 1, 100 * http.MAX_BODY_BYTES])
def test_a_decompression_bomb_is_dropped(
    service: Service, session: requests.Session, size: int
) -> None:
    service.says("x", 200, gzip.compress(b"a" * size), Content_Encoding="gzip")

    with pytest.raises(Unavailable, match="grande demais"):
        _get(service, session)


def test_an_endless_answer_is_dropped(service: Service, session: requests.Session) -> None:
    def endless(write: Write) -> None:
        write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            write(b"a" * 65_536)

    service.answers["x"] = Answer(raw=endless)

    with pytest.raises(Unavailable, match="grande demais"):
        _get(service, session)


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"],
    ids=["status", "headers", "body", "chunk"],
)  # fmt: skip
def test_an_answer_that_drips_ends_at_the_deadline(
    service: Service, session: requests.Session, beginning: bytes
) -> None:
    def drip(write: Write) -> None:
        write(beginning)
        while True:
            write(b"x")
            time.sleep(0.05)

    service.answers["x"] = Answer(raw=drip)
    started = time.monotonic()

    with pytest.raises(Unavailable):
        _get(service, session, timeout=0.5)

    assert time.monotonic() - started < 2


def test_an_answer_cut_short_is_no_answer(service: Service, session: requests.Session) -> None:
    for cut in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
        b"",
        b"SSH-2.0\r\n",
    ):
        service.answers["x"] = Answer(raw=lambda write, cut=cut: write(cut) and None)  # type: ignore[misc]

        with pytest.raises(Unavailable):
            _get(service, session)


def test_nobody_there_is_unavailable(session: requests.Session) -> None:
    with pytest.raises(Unavailable):
        http.get(session, "http://127.0.0.1:9/x", timeout=2)


def test_redirects_are_followed_within_the_host_only(
    service: Service, session: requests.Session
) -> None:
    service.says("x", 302, b"", Location="/y")
    service.says("y", 200, b"found")
    assert _get(service, session).body == b"found"

    service.says("x", 302, b"", Location=f"http://localhost:{service.server_port}/y")
    with pytest.raises(Unavailable, match="outro endereço"):
        _get(service, session)


def test_redirects_in_a_circle_end(service: Service, session: requests.Session) -> None:
    service.says("x", 302, b"", Location="/x")

    with pytest.raises(Unavailable):
        _get(service, session)

    assert len(service.asked) == http.MAX_REDIRECTS + 1


def test_no_cookie_is_kept(service: Service, session: requests.Session) -> None:
    service.says("x", 200, b"", Set_Cookie="session=1")

    _get(service, session)
    _get(service, session)

    assert all("Cookie" not in headers for _, _, headers in service.asked)


def test_the_environment_s_proxies_and_passwords_are_not_used(
    service: Service, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    service.says("x", 200, b"direct")

    assert _get(service, session).body == b"direct"


def test_each_host_is_asked_by_its_name(service: Service, session: requests.Session) -> None:
    hosts = [f"{name}:{service.server_port}" for name in ("127.0.0.1", "localhost", "127.0.0.1")]

    for host in hosts:
        http.get(session, f"http://{host}/x", timeout=5)

    assert [headers["Host"] for _, _, headers in service.asked] == hosts


def _get(service: Service, session: requests.Session, timeout: float = 5) -> http.Reply:
    return http.get(session, f"http://127.0.0.1:{service.server_port}/x", timeout=timeout)
