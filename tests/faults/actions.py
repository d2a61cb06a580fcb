"""How each kind of fault is made, and when each began and ended."""

import json
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pika.exceptions
import psutil
import psycopg2
import requests

from core.broker import topology
from devstack.process import DevstackError, Program
from devstack.servers import start_together
from tests.faults import clock, impostor, refusals
from tests.faults.plan import EVERYTHING, SERVICES, Fault
from tests.faults.suite import Suite
from tests.proxy import Proxy
from tests.queues import put

T = TypeVar("T")

AT_ONCE = 16
REPEATED_RUNS = 3
TRIES = 60
DEFAULT_WATERMARK = "0.4"
DEFAULT_DISK_FREE = "50MB"
# More than any machine has.
NO_DISK = "1000000GB"
DELAY_SECONDS = 0.1
# What the mail catcher says when it has taken a mail; and what a door says in its place.
TAKEN = b"250 2.0.0 OK: kept"
SLOW_MS = 1_500
GARBAGE = (
    b"not json",
    b"\xff\xfe\x00",
    b"[]",
    b'{"run_id": 5}',
    b'{"id": 1, "title": "of an older shape"}',
    b'{"run_id": "' + b"x" * 10_000_000 + b'"}',
)
OTHER_SHAPES: tuple[dict[str, Any], ...] = ({}, {"version": 9, "attempt": "first", "cpf_cnpj": []})
BROKER_ERRORS = (pika.exceptions.AMQPError, OSError)
DATABASE_ERRORS = (psycopg2.InterfaceError, psycopg2.DatabaseError)


@dataclass
class Happened:
    """A fault as it came to be, in seconds since the epoch.

    It was begun, had come to pass (a process was gone, say), and was mended.
    """

    fault: Fault
    began: float
    come: float = 0.0
    ended: float = 0.0


@dataclass
class Faults:
    """Makes the faults of a plan on a suite."""

    suite: Suite
    chance: random.Random
    happened: list[Happened] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    died: list[str] = field(default_factory=list)
    # What a registry that was stopped since had noted.
    asked: Counter[str] = field(default_factory=Counter)
    # How long each service took at most from SIGTERM to its end.
    stops: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _impostors: dict[str, int] = field(default_factory=lambda: impostor.start() | refusals.start())
    _locks: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def run(self, plan: list[Fault]) -> None:
        """Make the faults at their moments, at most one at a time of each target."""
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for fault in plan:
                time.sleep(max(0.0, began + fault.at - time.monotonic()))
                pool.submit(self._make, fault)

    def mend(self) -> None:
        """Let everything work again; note what had ended without being told to."""
        for door in self.suite.network.doors.values():
            door.mend()
        with suppress(DevstackError):
            self.suite.control("set_disk_free_limit", DEFAULT_DISK_FREE)
            self.suite.control("set_vm_memory_high_watermark", DEFAULT_WATERMARK)
        for name in self.suite.died():
            self.died.append(name)
            self.suite.programs[name].start()
        self.suite.create_queues()
        self.suite.registry.behave()

    def _make(self, fault: Fault) -> None:
        with self._alone(fault):
            noted = Happened(fault, time.time())
            self.happened.append(noted)
            try:
                with ACTIONS[fault.kind](self, fault):
                    noted.come = time.time()
                    time.sleep(fault.seconds)
            except Exception as error:  # noqa: BLE001 whatever fails here is told in the report
                self.troubles.append(f"{fault}: {error!r}"[:500])
            noted.ended = time.time()

    @contextmanager
    def _alone(self, fault: Fault) -> Iterator[None]:
        """Keep other faults from the target meanwhile."""
        targets = SERVICES if fault.target == EVERYTHING else (fault.target,)
        with ExitStack() as held:
            for target in targets:
                held.enter_context(self._locks[target])
            yield

    @contextmanager
    def _killed(self, fault: Fault) -> Iterator[None]:
        program = self._running(fault.target)
        program.kill()
        yield
        program.start()

    @contextmanager
    def _stopped(self, fault: Fault) -> Iterator[None]:
        names = SERVICES if fault.target == EVERYTHING else (fault.target,)
        programs = [self._running(name) for name in names]
        if fault.target == "registry":
            self.asked += Counter(self.suite.registry.asked())
        with ThreadPoolExecutor(len(programs)) as pool:
            list(pool.map(self._stop, programs))
        yield
        start_together(programs)

    def _stop(self, program: Program) -> None:
        told = time.monotonic()
        program.stop()
        if program.name in SERVICES:
            seconds = time.monotonic() - told
            self.stops[program.name] = max(self.stops[program.name], seconds)

    def _running(self, name: str) -> Program:
        program = self.suite.programs[name]
        if program.process() is None:
            self.died.append(name)
        return program

    @contextmanager
    def _frozen(self, fault: Fault) -> Iterator[None]:
        process = self.suite.programs[fault.target].process()
        if process is not None:
            process.suspend()
        yield
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    @contextmanager
    def _app_stopped(self, _fault: Fault) -> Iterator[None]:
        self.suite.control("stop_app")
        yield
        self.suite.control("start_app")

    @contextmanager
    def _alarm(self, _fault: Fault) -> Iterator[None]:
        self.suite.control("set_vm_memory_high_watermark", "0")
        yield
        self.suite.control("set_vm_memory_high_watermark", DEFAULT_WATERMARK)

    @contextmanager
    def _disk_full(self, _fault: Fault) -> Iterator[None]:
        self.suite.control("set_disk_free_limit", NO_DISK)
        yield
        self.suite.control("set_disk_free_limit", DEFAULT_DISK_FREE)

    @contextmanager
    def _line(self, fault: Fault, disturb: Callable[[Proxy], None]) -> Iterator[None]:
        door = self.suite.network.doors[fault.target]
        disturb(door)
        yield
        door.mend()

    @contextmanager
    def _impostor(self, fault: Fault) -> Iterator[None]:
        """Let another server answer in the true one's place."""
        door = self.suite.network.doors[fault.target]
        server = door.target
        door.lead_to(self._impostors[fault.kind])
        yield
        door.lead_to(server)

    @contextmanager
    def _misled(self, fault: Fault) -> Iterator[None]:
        """Put a clock wrong; it is set right afterwards, which is a jump, too."""
        if clock.LIBRARY is None:
            raise DevstackError("left out: libfaketime is missing")
        self.suite.clock.jump(clock.JUMPS[fault.kind])
        yield
        self.suite.clock.jump(clock.RIGHT)

    @contextmanager
    def _queue_deleted(self, _fault: Fault) -> Iterator[None]:
        self.suite.control("delete_queue", topology.JOB_CREATED)
        yield
        self.suite.create_queues()

    @contextmanager
    def _repeated(self, _fault: Fault) -> Iterator[None]:
        """Publish the messages of some runs once more, and one of a run that does not exist.

        As an older or a newer release would: with less in them, or with more.
        """
        bodies = [
            json.dumps({"run_id": str(run)} | self.chance.choice(OTHER_SHAPES)).encode()
            for run in self._some_runs()
        ]
        for body in [*bodies, json.dumps({"run_id": str(uuid.uuid4())}).encode()]:
            self._publish(body)
        yield

    @contextmanager
    def _garbage(self, _fault: Fault) -> Iterator[None]:
        for body in GARBAGE:
            self._publish(body)
        yield

    @contextmanager
    def _registry(self, *, delay_ms: int = 0, status: int = 200) -> Iterator[None]:
        with suppress(requests.RequestException):
            self.suite.registry.behave(delay_ms=delay_ms, status=status)
        yield
        with suppress(requests.RequestException):
            self.suite.registry.behave()

    def _some_runs(self) -> list[str]:
        def ask() -> list[str]:
            with (
                closing(psycopg2.connect(self.suite.dsn)) as connection,
                connection.cursor() as cursor,
            ):
                cursor.execute("SELECT id FROM run ORDER BY created DESC LIMIT 50")
                return [row[0] for row in cursor.fetchall()]

        found = _try(ask, DATABASE_ERRORS)
        return self.chance.sample(found, min(REPEATED_RUNS, len(found)))

    def _publish(self, body: bytes) -> None:
        name = topology.JOBS_EXCHANGE
        _try(lambda: put(self.suite.broker, name, topology.JOB_CREATED, body), BROKER_ERRORS)


ACTIONS: dict[str, Callable[[Faults, Fault], AbstractContextManager[None]]] = {
    "kill": Faults._killed,
    "stop": Faults._stopped,
    "freeze": Faults._frozen,
    "stop_app": Faults._app_stopped,
    "alarm": Faults._alarm,
    "delete_queue": Faults._queue_deleted,
    "repeat": Faults._repeated,
    "garbage": Faults._garbage,
    "disk": Faults._disk_full,
    "cut": lambda faults, fault: faults._line(fault, Proxy.cut),
    "mute": lambda faults, fault: faults._line(fault, Proxy.mute),
    "delay": lambda faults, fault: faults._line(fault, _delay),
    "last_words": lambda faults, fault: faults._line(fault, _silence),
    **dict.fromkeys([*impostor.ANSWERS, *refusals.REFUSALS], Faults._impostor),
    **dict.fromkeys(clock.JUMPS, Faults._misled),
    "slow": lambda faults, _: faults._registry(delay_ms=SLOW_MS),
    "fail": lambda faults, _: faults._registry(status=500),
    "refuse": lambda faults, _: faults._registry(status=429),
}


def _delay(door: Proxy) -> None:
    door.delay = DELAY_SECONDS


def _silence(door: Proxy) -> None:
    """Let the mail server die, as its client sees it, in the moment in which it took a mail."""
    door.last_words = TAKEN


def _try(action: Callable[[], T], errors: tuple[type[Exception], ...]) -> T:
    for _ in range(TRIES):
        try:
            return action()
        except errors:
            time.sleep(0.5)
    return action()
