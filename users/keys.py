"""The keys that sign tokens: Ed25519, kept encrypted in MongoDB, shared by all processes."""

import base64
import threading
import time
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
from pydantic import SecretStr

from core.clock import utc_now
from users.store import Store

REFRESH_SECONDS = 60.0


class SigningKeys:
    """The signing keys as this process knows them; the newest one signs."""

    def __init__(self, store: Store, passphrase: SecretStr) -> None:
        self._store = store
        self._passphrase = passphrase.get_secret_value().encode()
        self._lock = threading.Lock()
        self._keys: dict[str, Ed25519PrivateKey] = {}
        self._loaded_at = 0.0

    def signing(self) -> tuple[str, Ed25519PrivateKey]:
        """Return the `kid` and the private key that sign new tokens."""
        keys = self._load()
        kid = next(iter(keys))
        return kid, keys[kid]

    def find(self, kid: str) -> Ed25519PublicKey:
        """Return the public key of `kid`; raises jwt.InvalidTokenError for an unknown one."""
        key = self._load().get(kid)
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        return key.public_key()

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JSON Web Key Set (RFC 7517, RFC 8037)."""
        return {"keys": [_jwk(kid, key.public_key()) for kid, key in self._load().items()]}

    def _load(self) -> dict[str, Ed25519PrivateKey]:
        with self._lock:
            if not self._keys or time.monotonic() - self._loaded_at > REFRESH_SECONDS:
                stored = self._store.list_keys()
                if not stored:
                    self._store.insert_first_key(self._make())
                    stored = self._store.list_keys()
                self._keys = {key["kid"]: self._open(key["private_pem"]) for key in stored}
                self._loaded_at = time.monotonic()
            return self._keys

    def _make(self) -> dict[str, Any]:
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(self._passphrase)
        )
        return {"kid": _thumbprint(key.public_key()), "private_pem": pem, "created": utc_now()}

    def _open(self, pem: bytes) -> Ed25519PrivateKey:
        key = load_pem_private_key(pem, self._passphrase)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError("a signing key is not Ed25519")
        return key


def _x(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _thumbprint(key: Ed25519PublicKey) -> str:
    return _x(key)[:16]


def _jwk(kid: str, key: Ed25519PublicKey) -> dict[str, Any]:
    return {"kty": "OKP", "crv": "Ed25519", "x": _x(key), "kid": kid, "use": "sig", "alg": "EdDSA"}
