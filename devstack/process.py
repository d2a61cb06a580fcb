"""A program that the devstack runs in the background, and how to end exactly that one.

What was started is remembered in a file (process id and start time), so that another process can
stop it later, and never one that merely took over its id.
"""

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

POLL_SECONDS = 0.05
CLOCK_TOLERANCE_SECONDS = 2.0
LOG_TAIL_LINES = 25

# The processes that this very process started, by record: it has to reap them.
_children: dict[Path, subprocess.Popen[bytes]] = {}


class DevstackError(Exception):
    """Something that the person at the terminal can act on; its message says how."""


class NotReadyError(Exception):
    """A readiness check's answer while the program cannot serve yet; its message says why."""


def _nothing() -> None:
    """Prepare nothing, check nothing."""


@dataclass(frozen=True)
class Program:
    """One background process, with its log and its record below ``home``.

    ``prepare`` runs before each start. ``ready`` raises ``NotReadyError`` until the program serves.
    ``stop_signal`` asks for an orderly end within ``stop_within`` seconds; ``start_within`` bounds
    the wait for readiness. ``user`` is the account to run as (root only).
    """

    name: str
    command: tuple[str, ...]
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    user: str | None = None
    prepare: Callable[[], None] = _nothing
    ready: Callable[[], None] = _nothing
    stop_signal: signal.Signals = signal.SIGTERM
    start_within: float = 120.0
    stop_within: float = 20.0

    @property
    def log(self) -> Path:
        """The file that takes the program's output."""
        return self.home / "log" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """The file that remembers which process this program is."""
        return self.home / "run" / f"{self.name}.json"

    def process(self) -> psutil.Process | None:
        """Return the running process, or None when it does not run."""
        try:
            known = json.loads(self.record.read_text())
            process = psutil.Process(known["pid"])
            same = abs(process.create_time() - known["started"]) < CLOCK_TOLERANCE_SECONDS
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        return process if same and is_alive(process) else None

    def start(self) -> None:
        """Start the program, unless it runs, and wait until it is ready.

        Raises:
            DevstackError: it ended or was not ready in time; the message holds the log's tail.
        """
        if self.process() is None:
            self._forget()
            self._spawn()
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until ``ready`` is content, at most ``start_within`` seconds.

        Raises:
            DevstackError: the program ended or was not ready in time.
        """
        deadline = time.monotonic() + self.start_within
        while True:
            try:
                return self.ready()
            except NotReadyError as reason:
                if self.process() is None:
                    raise self._failure("ended while starting") from reason
                if time.monotonic() > deadline:
                    raise self._failure(
                        f"was not ready within {self.start_within:.0f} s ({reason})"
                    ) from reason
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End the program in an orderly way, by force when it takes longer than ``stop_within``."""
        process = self.process()
        if process is not None:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(self.stop_signal)
            _wait_gone([process], self.stop_within)
        self.kill()

    def kill(self) -> None:
        """End the program and its children at once (SIGKILL)."""
        process = self.process()
        if process is not None:
            family = _family(process)
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            _wait_gone(family, self.stop_within)
        self._forget()

    def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self.command,
                cwd=self.cwd or self.home,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **_account(self.user),
            )
        _children[self.record] = child
        started = psutil.Process(child.pid).create_time()
        draft = self.record.with_suffix(".part")
        draft.write_text(json.dumps({"pid": child.pid, "started": started}))
        draft.replace(self.record)

    def _forget(self) -> None:
        """Forget the process, which has ended."""
        self.record.unlink(missing_ok=True)
        child = _children.pop(self.record, None)
        if child is not None:
            child.wait()

    def _failure(self, what: str) -> DevstackError:
        return DevstackError(f"{self.name} {what}. The end of {self.log}:\n{tail(self.log)}")


def end_all(home: Path) -> None:
    """Kill whatever still runs of a home that nobody looks after any more."""
    for record in (home / "run").glob("*.json"):
        Program(name=record.stem, command=(), home=home).kill()


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process lives; one that is dead and not yet reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def _wait_gone(processes: list[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _account(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def tail(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Return the last lines of a text file, or "" when there is none."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
