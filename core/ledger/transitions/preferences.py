"""What users prefer."""

import uuid

from sqlalchemy import Connection, text

_SET_SUMMARY = text("""
    INSERT INTO preference (creator_id, summary) VALUES (:creator_id, :summary)
    ON CONFLICT (creator_id) DO UPDATE SET summary = :summary
""")

_SET_CALENDAR = text("""
    INSERT INTO preference (creator_id, calendar_token_hash) VALUES (:creator_id, :hash)
    ON CONFLICT (creator_id) DO UPDATE SET calendar_token_hash = :hash
""")

_UNSUBSCRIBE = text("""
    UPDATE preference SET summary = false WHERE unsubscribe_token = :token RETURNING creator_id
""")


def set_summary(connection: Connection, creator_id: str, *, wanted: bool) -> None:
    """Note whether a user wants the daily summary."""
    connection.execute(_SET_SUMMARY, {"creator_id": creator_id, "summary": wanted})


def set_calendar_token(connection: Connection, creator_id: str, token_hash: str | None) -> None:
    """Make a token (its SHA-256) the only one that opens a user's calendar feed; None closes it."""
    connection.execute(_SET_CALENDAR, {"creator_id": creator_id, "hash": token_hash})


def unsubscribe(connection: Connection, token: uuid.UUID) -> bool:
    """End the daily summary of whom the token was mailed to; tells whether there is such a one."""
    return connection.execute(_UNSUBSCRIBE, {"token": token}).first() is not None
