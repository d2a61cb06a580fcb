"""Passwords: argon2id (RFC 9106), with 19 MiB, two passes and one lane (docs/adr/0102)."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19_456
PASSES = 2
LANES = 1

_hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
# Verified for unknown accounts, so that they take as long as known ones.
_NOBODY = _hasher.hash("nobody has this password")


def hash_password(password: str) -> str:
    """Return the hash to store."""
    return _hasher.hash(_same_everywhere(password))


def verify_password(stored: str | None, password: str) -> bool:
    """Tell whether the password belongs to the stored hash; as slow without one (None)."""
    try:
        _hasher.verify(stored or _NOBODY, _same_everywhere(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _same_everywhere(password: str) -> str:
    """Return one form of what keyboards send in two (RFC 8265, 4.2.2), such as ã and a + ~."""
    return unicodedata.normalize("NFC", password)
