"""Structured logs: JSON outside a terminal, colours inside one.

Bind `request_id`, `job_id` or `run_id` with `structlog.contextvars.bound_contextvars`, and every
line that is written meanwhile carries them. Never log a password, a token, a cookie or a name.
"""

import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import structlog

from core.clock import utc_now
from core.settings import Settings

# `json.dumps` would make an encoder for each line.
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
_LEVELS = logging.getLevelNamesMapping()

# A step of structlog's kind: from logger, level and fields to fields, or to the line as text.
Step = Callable[[Any, str, Any], Any]
# The usual formatter shows local variables, passwords among them, where rich is installed.
_TO_TERMINAL: Step = structlog.dev.ConsoleRenderer(
    exception_formatter=structlog.dev.plain_traceback
)


class Logger:
    """Writes the lines of one module: an event, and keywords for what else is to be told.

    Each goes out in one piece, past the machinery that libraries' lines need. As there, a line that
    cannot be written (a full disk, a reader that has gone) stops nobody. `lowest` and `steps` are
    what `configure` sets for all.
    """

    lowest: ClassVar[int] = logging.INFO
    steps: ClassVar[list[Step]] = [_TO_TERMINAL]

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **told: Any) -> None:
        """Write a line that helps to find a fault."""
        self._write("debug", event, told)

    def info(self, event: str, **told: Any) -> None:
        """Write a line of the usual course of things."""
        self._write("info", event, told)

    def warning(self, event: str, **told: Any) -> None:
        """Write a line of something that is not as it should be, and that is dealt with."""
        self._write("warning", event, told)

    def error(self, event: str, **told: Any) -> None:
        """Write a line of a fault."""
        self._write("error", event, told)

    def exception(self, event: str, **told: Any) -> None:
        """Write a line of a fault with the exception that is being handled."""
        self._write("error", event, {**told, "exc_info": True})

    def _write(self, level: str, event: str, told: dict[str, Any]) -> None:
        if _LEVELS[level.upper()] < self.lowest:
            return
        line: Any = {
            **structlog.contextvars.get_contextvars(),
            **told,
            "event": event,
            "level": level,
            "logger": self._name,
            "timestamp": utc_now().isoformat().replace("+00:00", "Z"),
        }
        for step in self.steps:
            line = step(None, level, line)
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")


def configure(settings: Settings, service: str) -> None:
    """Send all logs of this process, those of libraries too, to standard error.

    `service` is a field of every line. Calling it again replaces the earlier configuration.
    """
    Logger.lowest = _LEVELS[settings.log_level]
    Logger.steps = _steps(settings, service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.ExtraAdder(),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *Logger.steps],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(Logger.lowest)
    # pika tells of every connection attempt several times over; our own code tells it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def _steps(settings: Settings, service: str) -> list[Step]:
    def add_service(_: Any, __: str, line: dict[str, Any]) -> dict[str, Any]:
        return {"service": service, **line}

    def to_json(_: Any, __: str, line: dict[str, Any]) -> str:
        return _encode(line)

    to_terminal = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    if to_terminal:
        return [add_service, _TO_TERMINAL]
    return [add_service, structlog.processors.format_exc_info, to_json]


def logger(name: str) -> Logger:
    """Return the logger of a module; pass `__name__`."""
    return Logger(name)
