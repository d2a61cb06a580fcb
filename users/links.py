"""Links to another password: random, valid once and for half an hour, stored as a digest."""

import hashlib
import secrets
from datetime import timedelta

from core.clock import utc_now
from users.errors import BadLinkError
from users.store import Store

VALID_FOR = timedelta(minutes=30)
TOKEN_BYTES = 32


def make(store: Store, user_id: str) -> str:
    """Return the token of a new link for an account; nobody can have it again."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    store.insert_link(_digest(token), user_id, utc_now() + VALID_FOR)
    return token


def use(store: Store, token: str) -> str:
    """Use a link up and return the id of its account; raises BadLinkError."""
    user_id = store.take_link(_digest(token), utc_now())
    if user_id is None:
        raise BadLinkError
    return user_id


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
