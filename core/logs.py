"""Structured logs: JSON outside a terminal, colours inside one.

Bind `request_id`, `job_id` or `run_id` with `structlog.contextvars.bound_contextvars`, and every
line that is written meanwhile carries them. Never log a password, a token, a cookie or a name.
"""

import json
import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

from core.settings import Settings

# What each of our own lines goes through. Loggers keep this very list, so changing what is in it
# reaches those that have been used already.
_PROCESSORS: list[Any] = []
# `json.dumps` would make an encoder for each line.
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


class _StandardError:
    """Writes our own lines, each in one piece, past the machinery that libraries' lines need.

    As there, a line that cannot be written (a full disk, a reader that has gone) stops nobody.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{line}\n")

    debug = info = warning = error = exception = critical = write


def configure(settings: Settings, service: str) -> None:
    """Send all logs of this process, those of libraries too, to standard error.

    `service` is a field of every line. Calling it again replaces the earlier configuration.
    """
    structlog.reset_defaults()
    level = logging.getLevelNamesMapping()[settings.log_level]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers = _renderers(settings, service)
    _PROCESSORS[:] = [_at_least(level), *shared, *renderers]
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=_StandardError,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # pika tells of every connection attempt several times over; our own code tells it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def _to_json(_: Any, __: str, event: dict[str, Any]) -> str:
    return _encode(event)


def _at_least(level: int) -> Any:
    levels = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
    levels["exception"] = logging.ERROR

    def drop_lower(_: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        if levels[method] < level:
            raise structlog.DropEvent
        return event

    return drop_lower


def _renderers(settings: Settings, service: str) -> list[Any]:
    def add_service(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"service": service, **event}

    to_terminal = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    if to_terminal:
        # The usual formatter shows local variables, passwords among them, where rich is installed.
        plain = structlog.dev.plain_traceback
        return [add_service, structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [
        add_service,
        structlog.processors.format_exc_info,
        _to_json,
    ]


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; pass `__name__`."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return log
