"""The public keys of `users` (RFC 7517), fetched when they are needed and kept meanwhile."""

import threading
import time
from typing import Any

import jwt
import requests
from urllib3.exceptions import HTTPError

from core import logs
from core.tokens import ALGORITHM, KeysUnavailableError

FETCH_TIMEOUT_SECONDS = 3.0
MAX_BYTES = 100_000
# A key that `users` withdrew is forgotten this long after.
FRESH_SECONDS = 300.0
# However many tokens name unknown keys, `users` is not asked more often than this.
PAUSE_SECONDS = 3.0

_CANNOT_FETCH = (requests.RequestException, HTTPError, ValueError, jwt.PyJWTError)

log = logs.logger(__name__)


class PublicKeys:
    """The keys that `users` publishes at `url`; safe from any thread, one per process.

    While `users` is away the keys that were fetched before go on being used.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")

    def find(self, kid: str) -> Any:
        """Return the public key that is named `kid`.

        Raises jwt.InvalidTokenError when there is none of that name, and KeysUnavailableError
        when that cannot be told now because `users` does not answer.
        """
        key = self._keys.get(kid)
        if key is None or time.monotonic() - self._fetched_at > FRESH_SECONDS:
            self._refresh(must=key is None)
            key = self._keys.get(kid)
        if key is not None:
            return key
        if self._is_stale():
            raise KeysUnavailableError
        raise jwt.InvalidTokenError("unknown key")

    def _is_stale(self) -> bool:
        """Tell whether the latest attempt to fetch the keys failed, or none was made."""
        return self._fetched_at < self._asked_at or not self._keys

    def _refresh(self, *, must: bool) -> None:
        """Fetch the keys unless that was tried a moment ago; `must` waits for another thread."""
        if not self._lock.acquire(blocking=must):
            return
        try:
            if time.monotonic() - self._asked_at < PAUSE_SECONDS:
                return
            self._asked_at = time.monotonic()
            self._keys = _fetch(self._url)
            self._fetched_at = time.monotonic()
        except _CANNOT_FETCH as exc:
            log.warning("keys_unavailable", url=self._url, error=type(exc).__name__)
        finally:
            self._lock.release()


def _fetch(url: str) -> dict[str, Any]:
    with requests.get(
        url, timeout=FETCH_TIMEOUT_SECONDS, stream=True, allow_redirects=False
    ) as response:
        response.raise_for_status()
        body = response.raw.read(MAX_BYTES, decode_content=True)
    published = jwt.api_jwk.PyJWKSet.from_json(body.decode()).keys
    return {key.key_id: key.key for key in published if key.key_id and _is_ours(key)}


def _is_ours(key: jwt.PyJWK) -> bool:
    return key.algorithm_name == ALGORITHM and key.public_key_use in {None, "sig"}
