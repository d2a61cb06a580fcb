"""Error events: what was refused or failed, kept on the broker so that it can be replayed."""

import uuid
from concurrent.futures import Future, wait
from typing import Any

from core import logs
from core.broker import messages
from core.broker.publisher import BufferFullError, Failures, Publisher
from core.clock import utc_now

log = logs.logger(__name__)


def emit(publisher: Publisher, kind: str, *, request_id: str, **fields: Any) -> str | None:
    """Send an error event without waiting for the broker and return its id, None if it is lost.

    `kind` is a key of `topology.ERROR_QUEUES`; `fields` must hold no password, token or cookie.
    An event for which the buffer has no room is logged and dropped: the answer to the user must
    not depend on it.
    """
    event_id, future = _publish(publisher, kind, request_id, fields)
    return None if future is None else event_id


def keep(
    publisher: Publisher, kind: str, *, seconds: float, request_id: str, **fields: Any
) -> str | None:
    """Send an error event like `emit` and return its id once the broker has confirmed it.

    Return None for one that is not confirmed within `seconds`; if it waits yet, it is taken back.
    """
    event_id, future = _publish(publisher, kind, request_id, fields)
    if future is None:
        return None
    wait([future], seconds)
    return None if future.cancel() or future.result() else event_id


def _publish(
    publisher: Publisher, kind: str, request_id: str, fields: dict[str, Any]
) -> "tuple[str, Future[Failures] | None]":
    event_id = str(uuid.uuid4())
    body = {
        "event_id": event_id,
        "kind": kind,
        "occurred_at": utc_now().isoformat(),
        "request_id": request_id,
        **fields,
    }
    message = messages.error_event(kind, body, event_id=event_id, request_id=request_id)
    try:
        return event_id, publisher.publish([message])
    except BufferFullError:
        log.error("error_event_dropped", kind=kind, event_id=event_id)
        return event_id, None
