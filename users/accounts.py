"""Accounts: who may use the system."""

from datetime import date
from typing import Any

from core.clock import utc_now
from core.groups import GROUP_ADMIN, GROUP_USERS
from users import links
from users.errors import (
    BadCredentialsError,
    BadLinkError,
    NoAccountError,
    NotAdminError,
    OwnRightsError,
    WrongPasswordError,
)
from users.outbox import EMAIL_CHANGED, PASSWORD_CHANGED, Outbox
from users.passwords import hash_password, is_outdated, verify_password
from users.schemas import Address
from users.store import Document, Store


def register(
    store: Store,
    *,
    full_name: str,
    email: str,
    password: str,
    cpf_cnpj: str | None = None,
    date_of_birth: date | None = None,
    group: str = GROUP_USERS,
) -> Document:
    """Make an account and return it; raises TakenError."""
    now = utc_now()
    # MongoDB keeps milliseconds, so more are not answered either.
    account: Document = {
        "full_name": full_name,
        "email": email,
        "password_hash": hash_password(password),
        "group": group,
        "active": True,
        "created": now.replace(microsecond=now.microsecond // 1000 * 1000),
    }
    # An administrator made on the command line has neither; a unique index minds null.
    if cpf_cnpj is not None:
        account["cpf_cnpj"] = cpf_cnpj
    if date_of_birth is not None:
        account["date_of_birth"] = date_of_birth.isoformat()
    return store.insert_account(account)


def sign_in(store: Store, email: str, password: str, *, admin: bool = False) -> Document:
    """Return the account of who enters; raises BadCredentialsError, NotAdminError."""
    account = store.find_account_by("email", email)
    stored = account["password_hash"] if account else None
    if not verify_password(stored, password) or account is None or not account["active"]:
        raise BadCredentialsError
    if admin and account["group"] != GROUP_ADMIN:
        raise NotAdminError
    if is_outdated(account["password_hash"]):
        store.replace_password_hash(
            account["_id"], account["password_hash"], hash_password(password)
        )
    return account


def change_own(
    store: Store, outbox: Outbox, account: Document, changes: dict[str, Any], password: str
) -> Document:
    """Change one's own account and return it.

    Another e-mail takes the account along, so it needs the present password. Raises
    WrongPasswordError, TakenError, NoAccountError.
    """
    moves = changes.get("email", account["email"]) != account["email"]
    if moves and not verify_password(account["password_hash"], password):
        raise WrongPasswordError
    changed = _update(store, account, changes)
    if moves:
        outbox.put(EMAIL_CHANGED, account["email"], account["full_name"])
    return changed


def change_password(
    store: Store, outbox: Outbox, account: Document, old: str, new: str, *, family: str
) -> None:
    """Change the password and end every session but the one of `family`.

    Raises WrongPasswordError.
    """
    stored = account["password_hash"]
    if not verify_password(stored, old) or not store.replace_password_hash(
        account["_id"], stored, hash_password(new)
    ):
        raise WrongPasswordError
    _after_new_password(store, outbox, account, family=family)


def erase(store: Store, outbox: Outbox, account: Document) -> None:
    """Erase an account with all that is kept of it here; its jobs are ended soon after."""
    # Stored first, so that it is not lost; it waits until the account is gone.
    outbox.put_erased(str(account["_id"]))
    store.delete_account(account["_id"])
    outbox.wake()


def reset_password(store: Store, outbox: Outbox, token: str, password: str) -> None:
    """Set the password of whom the link was mailed to and end their sessions.

    Raises BadLinkError.
    """
    account = store.find_account(links.use(store, token))
    if account is None or not account["active"]:
        raise BadLinkError
    store.update_account(account["_id"], {"password_hash": hash_password(password)})
    _after_new_password(store, outbox, account)


def get(store: Store, account_id: str) -> Document:
    """Return an account; raises NoAccountError."""
    account = store.find_account(account_id)
    if account is None:
        raise NoAccountError
    return account


def get_by_document(store: Store, cpf_cnpj: str) -> Document:
    """Return the account of a CPF or CNPJ; raises NoAccountError."""
    account = store.find_account_by("cpf_cnpj", cpf_cnpj)
    if account is None:
        raise NoAccountError
    return account


def change(store: Store, account: Document, changes: dict[str, Any], admin_id: str) -> Document:
    """Change an account as an administrator and return it; other rights end its sessions.

    Raises OwnRightsError, TakenError, NoAccountError.
    """
    rights = {name: account[name] for name in ("group", "active")}
    new_rights = rights | {name: changes[name] for name in rights if name in changes}
    if new_rights != rights and str(account["_id"]) == admin_id:
        raise OwnRightsError
    changed = _update(store, account, changes)
    if new_rights != rights:
        store.revoke_families(str(account["_id"]))
    return changed


def shown(account: Document) -> dict[str, Any]:
    """Return an account as the API shows it: never the hash of its password."""
    return {
        "id": str(account["_id"]),
        "full_name": account["full_name"],
        "email": account["email"],
        "cpf_cnpj": account.get("cpf_cnpj", ""),
        "date_of_birth": account.get("date_of_birth", ""),
        "address": Address(**account.get("address", {})).model_dump(),
        "group": account["group"],
        "active": account["active"],
        "created": account["created"].isoformat(),
    }


def _update(store: Store, account: Document, changes: dict[str, Any]) -> Document:
    changed = store.update_account(account["_id"], changes)
    if changed is None:
        raise NoAccountError
    if changed["email"] != account["email"]:
        store.delete_links(str(account["_id"]))
    return changed


def _after_new_password(
    store: Store, outbox: Outbox, account: Document, *, family: str | None = None
) -> None:
    store.revoke_families(str(account["_id"]), but=family)
    store.delete_links(str(account["_id"]))
    outbox.put(PASSWORD_CHANGED, account["email"], account["full_name"])
