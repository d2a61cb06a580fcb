"""Cursors: where a page of a list ended, as an opaque text for the next request."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any

from core.clock import to_utc
from core.ledger.listings import Place
from core.ledger.models import MAX_PRIORITY

MAX_LENGTH = 200
MAX_ID = 2**63 - 1


class BadCursorError(ValueError):
    """The text is no cursor of ours, or one of a list that is sorted otherwise."""


def write(sort: str, place: Place) -> str:
    """Return the cursor of a place in a list that is sorted so."""
    value = place.value.isoformat() if isinstance(place.value, datetime) else place.value
    text = json.dumps([sort, value, place.job_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(sort: str, cursor: str) -> Place:
    """Return the place that a cursor names; raises BadCursorError."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        made_for, value, job_id = json.loads(base64.b64decode(padded, b"-_", validate=True))
        if made_for != sort or not _is_id(job_id):
            raise BadCursorError
        return Place(_value(sort.removeprefix("-"), value), job_id)
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError):
        raise BadCursorError(
            "Cursor inválido: use o next_cursor da resposta anterior, com a mesma ordem."
        ) from None


def _value(name: str, value: Any) -> Any:
    if name == "date":
        return to_utc(datetime.fromisoformat(value))
    bound = MAX_PRIORITY if name == "priority" else MAX_ID
    if not _is_id(value) or value > bound:
        raise BadCursorError
    return value


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ID
