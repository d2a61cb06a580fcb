"""Many who are slow, and what is too much: the others are answered meanwhile, memory is bounded.

Against `users` as it is shipped (`gunicorn -c core/gunicorn.py`), on the loopback alone.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psutil
import pytest
import requests

from devstack.ports import LOOPBACK, free
from devstack.servers import ROOT
from tests.clients import Broker
from tests.people import MARIA
from tests.waiting import wait_until

SLOW = 1_000
# 10,000 of them took as little memory; they take longer than a test may.
LOG_INS = int(os.environ.get("LOG_INS", "1000"))
AT_ONCE = 4
PER_ACCOUNT = 10
LIMIT_SECONDS = 2.0
# As core/gunicorn.py has it.
CONNECTIONS = 2_000
GROWTH_BYTES = 150_000_000
HEAD = b"POST /auth HTTP/1.1\r\nHost: users\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True)
class Service:
    """A running `users`."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def memory(self) -> int:
        """Return the bytes that its processes hold, what they share counted once each."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family)

    def connect(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.port), timeout=10)

    def seconds_to_answer(self) -> float:
        """Ask as somebody else does, on a new connection."""
        began = time.monotonic()
        assert requests.get(f"{self.url}/healthz", timeout=10).status_code == 200
        return time.monotonic() - began

    def say(self, request: bytes) -> tuple[int, bytes]:
        """Send a request as it is and return the status and the body of the answer."""
        with closing(self.connect()) as client:
            client.sendall(request)
            answer = http.client.HTTPResponse(client)
            answer.begin()
            return answer.status, answer.read()


@pytest.fixture
def service(mongo_url: str, mongo_database: str, broker: Broker) -> Iterator[Service]:
    (port,) = free(1)
    settings = {
        "MONGO_URL": mongo_url,
        "MONGO_DATABASE": mongo_database,
        "KEYS_PASSPHRASE": "a passphrase of tests",
        "BROKER_URL": broker.url,
        "BROKER_NAMESPACE": broker.namespace,
        "SMTP_PORT": "9",
        "LOG_LEVEL": "ERROR",
        "WEB_CONCURRENCY": "1",
    }
    command = ["-m", "gunicorn", "-c", "core/gunicorn.py", "users.app:create_app()"]
    child = subprocess.Popen(  # noqa: S603 (our own program)
        [sys.executable, *command, "-b", f"{LOOPBACK}:{port}"],
        cwd=ROOT,
        env={**os.environ, **settings},
    )
    running = Service(port, psutil.Process(child.pid))
    try:
        wait_until(lambda: _answers(running), 60)
        yield running
        began = time.monotonic()
        child.terminate()
        child.wait(30)
        assert time.monotonic() - began < 10
    finally:
        child.kill()
        child.wait()


def _answers(service: Service) -> bool:
    try:
        return requests.get(f"{service.url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


@contextmanager
def crowd(service: Service, begun: bytes) -> Iterator[list[socket.socket]]:
    """Connect a thousand times and begin a request each time."""
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(service.connect())) for _ in range(SLOW)]
        for client in clients:
            client.sendall(begun)
        yield clients


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        HEAD,
        HEAD + b"Content-Length: 900000\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n\r\n0\r\n\r\n",
    ],
    ids=["nothing", "half-a-head", "half-a-body", "half-a-chunk", "an-end-inside-a-chunk"],
)
def test_a_thousand_who_send_slowly_keep_nobody_waiting(service: Service, begun: bytes) -> None:
    before = service.memory()
    with crowd(service, begun) as clients:
        for _ in range(3):
            for client in clients:
                client.sendall(b"x" if begun else b"")
            assert service.seconds_to_answer() < LIMIT_SECONDS
        assert service.memory() - before < GROWTH_BYTES


def test_who_was_answered_and_stays_keeps_nobody_waiting(service: Service) -> None:
    with ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(closing(service.connect()))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: users\r\nConnection: close\r\n\r\n")
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.status == 200
        assert service.seconds_to_answer() < LIMIT_SECONDS
        # Nor does it stay for ever.
        client.settimeout(10)
        assert answer.read()
        assert client.recv(1) == b""


def test_idle_connections_make_room_for_others(service: Service) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            client = stack.enter_context(closing(service.connect()))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: users\r\n\r\n")
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.status == 200
        for _ in range(3):
            assert service.seconds_to_answer() < LIMIT_SECONDS


def test_who_is_slow_is_answered_when_all_has_come(service: Service) -> None:
    body = json.dumps({"email": MARIA.email, "password": "not this one"}).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    with closing(service.connect()) as client:
        for start in range(0, len(request), 20):
            client.sendall(request[start : start + 20])
            time.sleep(0.01)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 401
        answer.read()
        # Two more at once on the same connection: each gets its answer.
        client.sendall(request + request)
        for _ in range(2):
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.status == 401
            answer.read()


def test_chunks_and_continue_are_understood(service: Service) -> None:
    body = json.dumps({"email": MARIA.email, "password": "not this one"}).encode()
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert service.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)[0] == 401
    small = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in body) + b"0\r\nX-Sum: 1\r\n\r\n"
    assert service.say(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + small)[0] == 401
    with closing(service.connect()) as client:
        # Two at once, and no more will come.
        client.sendall((HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk) * 2)
        client.shutdown(socket.SHUT_WR)
        for _ in range(2):
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert answer.status == 401
            answer.read()
    with closing(service.connect()) as client:
        client.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert client.recv(100).startswith(b"HTTP/1.1 100")
        client.sendall(body)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 401


def test_what_is_too_much_is_refused_before_it_is_read(service: Service) -> None:
    before = service.memory()
    assert service.say(HEAD + b"Content-Length: 100000000000\r\n\r\n{")[0] == 413
    assert service.say(HEAD + b"Content-Length: 2000000\r\n\r\n" + b" " * 2_000_000)[0] == 413
    assert service.say(HEAD + b"X-Much: %s\r\n" % (b"x" * 70_000))[0] == 431
    assert service.say(HEAD + b"X-Many: x\r\n" * 100 + b"\r\n")[0] == 431
    deep = b"[" * 100_000
    assert service.say(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(deep), deep))[0] == 400
    assert service.memory() - before < GROWTH_BYTES
    assert service.seconds_to_answer() < LIMIT_SECONDS


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"Content-Length: +5\r\n\r\nabcde",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000,
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(service: Service, rest: bytes) -> None:
    assert service.say(HEAD + rest)[0] == 400


def test_log_ins_beyond_the_limit_are_refused_cheaply(service: Service) -> None:
    requests.post(f"{service.url}/users", json=MARIA.sign_up(), timeout=30)
    before = service.memory()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = pool.map(lambda _: _try_to_log_in(service, LOG_INS // AT_ONCE), range(AT_ONCE))
        waits = [service.seconds_to_answer() for _ in range(10)]
        counted = sum(statuses, Counter[int]())
    # Those that were at work when the limit was reached were tried, too.
    assert counted[401] < PER_ACCOUNT + AT_ONCE
    assert counted[401] + counted[429] == LOG_INS
    assert max(waits) < LIMIT_SECONDS
    assert service.memory() - before < GROWTH_BYTES


def _try_to_log_in(service: Service, times: int) -> Counter[int]:
    """Try a wrong password so often, on one connection, and count what was answered."""
    found: Counter[int] = Counter()
    with requests.Session() as session:
        body = {"email": MARIA.email, "password": "not this one"}
        for _ in range(times):
            found[session.post(f"{service.url}/auth", json=body, timeout=30).status_code] += 1
    return found
