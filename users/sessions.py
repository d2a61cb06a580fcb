"""Log-in sessions: short access tokens, and families of refresh tokens that work once each.

A family is what grew out of one log-in. Using a refresh token a second time means that somebody
copied it, so the whole family is revoked (RFC 9700, section 4.14).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt

from core import logs
from core.clock import utc_now
from core.groups import GROUP_USERS
from core.tokens import ALGORITHM, Claims
from users.errors import RefreshRefusedError
from users.keys import SigningKeys
from users.settings import UsersSettings
from users.store import Document, Store

# How long a token is valid that is used at once.
ERRAND = timedelta(minutes=2)

log = logs.logger(__name__)


@dataclass(frozen=True)
class Sessions:
    """Makes, renews and ends sessions."""

    store: Store
    keys: SigningKeys
    settings: UsersSettings

    def begin(self, account: Document) -> dict[str, str]:
        """Begin a family for an account; returns `token` and `refresh`."""
        family, token_id = uuid.uuid4().hex, uuid.uuid4().hex
        self.store.insert_family(family, str(account["_id"]), token_id, self._refresh_expiry())
        return self._pair(account, family, token_id)

    def renew(self, claims: Claims) -> dict[str, str]:
        """Return a new pair for the claims of a refresh token; raises RefreshRefusedError."""
        family, token_id = claims["family"], uuid.uuid4().hex
        account = self.store.find_account(claims["sub"])
        if account is None or not account["active"]:
            self.store.revoke_family(family)
            raise RefreshRefusedError
        if not self.store.rotate_family(family, claims["jti"], token_id, self._refresh_expiry()):
            log.warning("refresh_refused", user_id=claims["sub"], family=family)
            self.store.revoke_family(family)
            raise RefreshRefusedError
        return self._pair(account, family, token_id)

    def end(self, claims: Claims) -> None:
        """End the session that a token, of either type, belongs to."""
        self.store.revoke_family(claims["family"])

    def token_of_erased(self, account_id: str) -> str:
        """Return an access token in the name of an account that is no more; it has no family."""
        gone = {"_id": account_id, "email": "", "group": GROUP_USERS}
        expires = utc_now() + ERRAND
        return self._sign(gone, "", uuid.uuid4().hex, "access", expires)

    def _pair(self, account: Document, family: str, token_id: str) -> dict[str, str]:
        minutes = timedelta(minutes=self.settings.access_token_minutes)
        access = self._sign(account, family, uuid.uuid4().hex, "access", utc_now() + minutes)
        refresh = self._sign(account, family, token_id, "refresh", self._refresh_expiry())
        return {"token": access, "refresh": refresh}

    def _sign(
        self, account: Document, family: str, token_id: str, kind: str, expires: datetime
    ) -> str:
        kid, key = self.keys.signing()
        user_id = str(account["_id"])
        claims = {
            "sub": user_id,
            "user_id": user_id,
            "email": account["email"],
            "group": account["group"],
            "iss": self.settings.token_issuer,
            "aud": self.settings.token_audience,
            "iat": utc_now(),
            "exp": expires,
            "jti": token_id,
            "type": kind,
            "family": family,
        }
        return jwt.encode(claims, key, ALGORITHM, headers={"kid": kid})

    def _refresh_expiry(self) -> datetime:
        return utc_now() + timedelta(days=self.settings.refresh_token_days)
