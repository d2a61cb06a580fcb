"""The keys that sign tokens: Ed25519, kept encrypted in MongoDB, shared by all processes."""

import base64
import threading
import time
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from pymongo.errors import PyMongoError

from core import logs
from core.clock import utc_now
from core.tokens import ALGORITHM
from users.errors import LockedKeysError
from users.settings import UsersSettings
from users.store import Document, Store

FRESH_SECONDS = 60.0
# However many tokens name unknown keys, the database is not asked more often than this.
PAUSE_SECONDS = 1.0
# A process that has not yet seen a new key may sign with the former one for a while.
MARGIN = timedelta(days=1)

log = logs.logger(__name__)


class SigningKeys:
    """The signing keys as this process knows them; the newest one signs.

    While the database is away the keys that were read before go on being used.
    """

    def __init__(self, store: Store, settings: UsersSettings) -> None:
        self._store = store
        self._passphrase = settings.keys_passphrase.get_secret_value().encode()
        self._outlives = timedelta(days=settings.refresh_token_days) + MARGIN
        self._lock = threading.Lock()
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._read_at = float("-inf")

    def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """Return the `kid` and the private key that sign new tokens.

        This and the other methods raise LockedKeysError, and PyMongoError as long as no key was
        read.
        """
        return next(iter(self._known().items()))

    def find(self, kid: str) -> Ed25519PublicKey:
        """Return the public key of `kid`; raises jwt.InvalidTokenError for an unknown one."""
        key = self._known().get(kid) or self._known(PAUSE_SECONDS).get(kid)
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        return key.public_key()

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set (RFC 7517, RFC 8037), newest first."""
        return {"keys": [_jwk(kid, key.public_key()) for kid, key in self._known().items()]}

    def rotate(self) -> str:
        """Make a new key that signs from now on, and return its `kid`.

        The former ones are published until every token that they signed has expired. Two calls at
        once make one key.
        """
        self._known()
        newest: int = self._store.list_keys()[0]["_id"]
        self._store.insert_key(newest + 1, self._make())
        self._store.retire_keys(newest + 1, utc_now() + self._outlives)
        return next(iter(self._known(0.0)))

    def _known(self, at_most_seconds_old: float = FRESH_SECONDS) -> dict[str, Ed25519PrivateKey]:
        with self._lock:
            if time.monotonic() - self._read_at > at_most_seconds_old:
                self._read()
            return self._keys

    def _read(self) -> None:
        try:
            stored = self._store.list_keys() or self._first()
        except PyMongoError as exc:
            if not self._keys:
                raise
            log.warning("keys_not_read", error=type(exc).__name__)
        else:
            self._keys = {key["kid"]: self._open(key["private_pem"]) for key in stored}
        self._read_at = time.monotonic()

    def _first(self) -> list[Document]:
        """Make the first key, unless another process is quicker, and return what is stored."""
        self._store.insert_key(1, self._make())
        return self._store.list_keys()

    def _make(self) -> Document:
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(self._passphrase)
        )
        return {"kid": _thumbprint(key.public_key()), "private_pem": pem, "created": utc_now()}

    def _open(self, pem: bytes) -> Ed25519PrivateKey:
        try:
            key = load_pem_private_key(pem, self._passphrase)
        except ValueError as exc:
            raise LockedKeysError("KEYS_PASSPHRASE does not open the signing keys") from exc
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("a signing key is not Ed25519")
        return key


def _x(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _thumbprint(key: Ed25519PublicKey) -> str:
    return _x(key)[:16]


def _jwk(kid: str, key: Ed25519PublicKey) -> dict[str, Any]:
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _x(key),
        "kid": kid,
        "use": "sig",
        "alg": ALGORITHM,
    }
