"""How each kind of fault is made, and when each began and ended."""

import json
import random
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import pika.exceptions
import psutil
import psycopg2
import requests

from core.broker import topology
from devstack.process import DevstackError, Program
from tests.faults.plan import SERVICES, Fault
from tests.faults.suite import Suite
from tests.queues import put

T = TypeVar("T")

AT_ONCE = 16
REPEATED_RUNS = 3
TRIES = 60
DEFAULT_WATERMARK = "0.4"
SLOW_MS = 1_500
GARBAGE = (
    b"not json",
    b"\xff\xfe\x00",
    b"[]",
    b'{"run_id": 5}',
    b'{"id": 1, "title": "of an older shape"}',
    b'{"run_id": "' + b"x" * 10_000_000 + b'"}',
)
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
    # How long each service took at most from SIGTERM to its end.
    stops: dict[str, float] = field(default_factory=lambda: defaultdict(float))
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
        with suppress(DevstackError):
            self.suite.control("set_vm_memory_high_watermark", DEFAULT_WATERMARK)
        for name in self.suite.died():
            self.died.append(name)
            self.suite.programs[name].start()
        self.suite.create_queues()
        self.suite.registry.behave()

    def _make(self, fault: Fault) -> None:
        with self._locks[fault.target]:
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
    def _killed(self, fault: Fault) -> Iterator[None]:
        program = self._running(fault)
        program.kill()
        yield
        program.start()

    @contextmanager
    def _stopped(self, fault: Fault) -> Iterator[None]:
        program = self._running(fault)
        asked = time.monotonic()
        program.stop()
        if fault.target in SERVICES:
            self.stops[fault.target] = max(self.stops[fault.target], time.monotonic() - asked)
        yield
        program.start()

    def _running(self, fault: Fault) -> Program:
        program = self.suite.programs[fault.target]
        if program.process() is None:
            self.died.append(fault.target)
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
    def _queue_deleted(self, _fault: Fault) -> Iterator[None]:
        self.suite.control("delete_queue", topology.JOB_CREATED)
        yield
        self.suite.create_queues()

    @contextmanager
    def _repeated(self, _fault: Fault) -> Iterator[None]:
        """Publish the messages of some runs once more, and one of a run that does not exist."""
        bodies = [json.dumps({"run_id": str(run)}).encode() for run in self._some_runs()]
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
    "slow": lambda faults, _: faults._registry(delay_ms=SLOW_MS),
    "fail": lambda faults, _: faults._registry(status=500),
    "refuse": lambda faults, _: faults._registry(status=429),
}


def _try(action: Callable[[], T], errors: tuple[type[Exception], ...]) -> T:
    for _ in range(TRIES):
        try:
            return action()
        except errors:
            time.sleep(0.5)
    return action()
