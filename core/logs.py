"""Structured logs: JSON outside a terminal, colours inside one.

Bind `request_id`, `job_id` or `run_id` with `structlog.contextvars.bound_contextvars`, and every
line that is written meanwhile carries them. Never log a password, a token, a cookie or a name.
"""

import logging
import sys
from typing import Any

import structlog

from core.settings import Settings


def configure(settings: Settings, service: str) -> None:
    """Send all logs of this process, those of libraries too, to standard error.

    `service` is a field of every line. Calling it again replaces the earlier configuration.
    """
    structlog.reset_defaults()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings, service),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # pika tells of every connection attempt several times over; our own code tells it once.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


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
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; pass `__name__`."""
    log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return log
