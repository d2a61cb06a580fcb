"""The clock of a process, which is put wrong while it runs (Debian's libfaketime).

What the library cannot do: Python's own `time.sleep` fails under it (`clock_nanosleep` with a
moment of the monotonic clock). The dispatcher waits for events alone, never so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.process import Program

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
RIGHT = "+0"
# How far the clock is off, by the kind of fault.
JUMPS = {"day-ahead": "+1d", "hour-back": "-1h"}


@dataclass(frozen=True)
class Clock:
    """A clock that says what its `file` tells; right without libfaketime."""

    file: Path

    @property
    def settings(self) -> Mapping[str, str]:
        """What a process needs in its environment to live by this clock."""
        if LIBRARY is None:
            return {}
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            # A clock that is set says nothing else of how long something took, nor of files.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def lead(self, program: Program) -> Program:
        """Return a program that lives by this clock."""
        return replace(program, env={**program.env, **self.settings})

    def jump(self, offset: str) -> None:
        """Let the clock be off by this from now on, as libfaketime has it (`+1d`)."""
        written = self.file.with_suffix(".new")
        written.write_text(f"{offset}\n")
        written.replace(self.file)
