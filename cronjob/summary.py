"""A day's summaries: which moments a day spans, and when the next one is due."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Engine, Row

from core.clock import SAO_PAULO
from core.ledger.transitions import mails

HOUR = time(19, 0)


def span(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a day in America/Sao_Paulo and that of the next, in UTC."""
    begin = datetime.combine(day, time(), SAO_PAULO)
    end = datetime.combine(day + timedelta(days=1), time(), SAO_PAULO)
    return begin.astimezone(UTC), end.astimezone(UTC)


def last_due_day(now: datetime) -> date:
    """Return the day whose summary was due last: today from 19:00 on, yesterday before."""
    local = now.astimezone(SAO_PAULO)
    return local.date() if local.time() >= HOUR else local.date() - timedelta(days=1)


def queue(engine: Engine, day: date) -> tuple[int, int]:
    """Queue the summaries of a day; returns the users of that day and the mails queued now.

    Queueing twice, even at the same moment, makes one mail per user.
    """
    since, until = span(day)
    with engine.begin() as connection:
        return mails.queue_summaries(connection, day, since, until)


def preview(engine: Engine, day: date) -> Sequence[Row[Any]]:
    """Return what `queue` would queue (key, recipient, context) and change nothing."""
    since, until = span(day)
    with engine.connect() as connection:
        return mails.preview_summaries(connection, day, since, until)
