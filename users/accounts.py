"""Accounts: who may use the system."""

from datetime import date
from typing import Any

from core.clock import utc_now
from core.groups import GROUP_ADMIN, GROUP_USERS
from users.errors import BadCredentialsError, NotAdminError
from users.passwords import hash_password, is_outdated, verify_password
from users.store import Store


def register(
    store: Store,
    *,
    full_name: str,
    email: str,
    password: str,
    cpf_cnpj: str | None = None,
    date_of_birth: date | None = None,
    group: str = GROUP_USERS,
) -> dict[str, Any]:
    """Make an account and return it as the API shows it; raises TakenError."""
    account: dict[str, Any] = {
        "full_name": full_name,
        "email": email,
        "password_hash": hash_password(password),
        "group": group,
        "active": True,
        "created": utc_now(),
    }
    # An administrator made on the command line has neither; a unique index minds null.
    if cpf_cnpj is not None:
        account["cpf_cnpj"] = cpf_cnpj
    if date_of_birth is not None:
        account["date_of_birth"] = date_of_birth.isoformat()
    account["_id"] = store.insert_account(account)
    return shown(account)


def sign_in(store: Store, email: str, password: str, *, admin: bool = False) -> dict[str, Any]:
    """Return the account as the API shows it; raises BadCredentialsError, NotAdminError."""
    account = store.find_account_by_email(email)
    stored = account["password_hash"] if account else None
    if not verify_password(stored, password) or account is None or not account["active"]:
        raise BadCredentialsError
    if admin and account["group"] != GROUP_ADMIN:
        raise NotAdminError
    if is_outdated(account["password_hash"]):
        store.set_password_hash(
            str(account["_id"]), account["password_hash"], hash_password(password)
        )
    return shown(account)


def shown(account: dict[str, Any]) -> dict[str, Any]:
    """Return an account as the API shows it: never the hash of its password."""
    return {
        "id": str(account["_id"]),
        "full_name": account["full_name"],
        "email": account["email"],
        "cpf_cnpj": account.get("cpf_cnpj", ""),
        "date_of_birth": account.get("date_of_birth", ""),
        "group": account["group"],
        "active": account["active"],
        "created": account["created"].isoformat(),
    }
