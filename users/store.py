"""Every call to MongoDB: accounts, refresh-token families, signing keys."""

from datetime import datetime
from typing import Any

import pymongo
from bson import ObjectId
from bson.errors import InvalidId
from pymongo import ASCENDING, MongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError

from users.errors import TakenError
from users.settings import UsersSettings

TIMEOUT_MS = 5_000
UNIQUE_FIELDS = ("email", "cpf_cnpj")

Document = dict[str, Any]


class Store:
    """The database of users; safe from any thread. Raises pymongo.errors.PyMongoError."""

    def __init__(self, settings: UsersSettings) -> None:
        self._client: MongoClient[Document] = MongoClient(
            settings.mongo_url.get_secret_value(),
            appname="users",
            tz_aware=True,
            serverSelectionTimeoutMS=TIMEOUT_MS,
            connectTimeoutMS=TIMEOUT_MS,
            socketTimeoutMS=TIMEOUT_MS,
            timeoutMS=TIMEOUT_MS,
        )
        database = self._client[settings.mongo_database]
        self._accounts = database["accounts"]
        self._families = database["token_families"]
        self._keys = database["signing_keys"]

    def prepare(self) -> None:
        """Make the indexes; doing it again changes nothing."""
        for field in UNIQUE_FIELDS:
            # An administrator has no document; a plain unique index would allow only one such.
            self._accounts.create_index(
                [(field, ASCENDING)],
                unique=True,
                name=f"{field}_unique",
                partialFilterExpression={field: {"$exists": True}},
            )
        self._families.create_index("expires_at", expireAfterSeconds=0, name="expired")
        self._families.create_index("user_id", name="user")

    def ping(self) -> None:
        """Raise unless the database answers."""
        self._client.admin.command("ping")

    # Accounts

    def insert_account(self, account: Document) -> str:
        """Store a new account and return its id; raises TakenError naming the field."""
        try:
            return str(self._accounts.insert_one(account).inserted_id)
        except DuplicateKeyError as exc:
            raise TakenError(_duplicate_field(exc)) from exc

    def find_account(self, account_id: str) -> Document | None:
        """Return the account with this id, or None."""
        try:
            return self._accounts.find_one({"_id": ObjectId(account_id)})
        except InvalidId:
            return None

    def find_account_by_email(self, email: str) -> Document | None:
        """Return the account with this (lower-case) e-mail, or None."""
        return self._accounts.find_one({"email": email})

    def set_password_hash(self, account_id: str, old: str, new: str) -> None:
        """Replace a hash by a newer one of the same password, unless it changed meanwhile."""
        self._accounts.update_one(
            {"_id": ObjectId(account_id), "password_hash": old}, {"$set": {"password_hash": new}}
        )

    # Refresh-token families

    def insert_family(self, family: str, user_id: str, token_id: str, expires_at: datetime) -> None:
        """Begin a family whose only valid refresh token is `token_id`."""
        self._families.insert_one(
            {
                "_id": family,
                "user_id": user_id,
                "token_id": token_id,
                "revoked": False,
                "expires_at": expires_at,
            }
        )

    def rotate_family(
        self, family: str, token_id: str, new_token_id: str, expires_at: datetime
    ) -> bool:
        """Make `new_token_id` the valid one in place of `token_id`; False if that was not valid."""
        found = self._families.find_one_and_update(
            {"_id": family, "token_id": token_id, "revoked": False},
            {"$set": {"token_id": new_token_id, "expires_at": expires_at}},
            return_document=ReturnDocument.AFTER,
        )
        return found is not None

    def revoke_family(self, family: str) -> None:
        """Make every refresh token of a family invalid."""
        self._families.update_one({"_id": family}, {"$set": {"revoked": True}})

    # Signing keys

    def list_keys(self) -> list[Document]:
        """Return the signing keys, newest first."""
        return list(self._keys.find().sort("created", pymongo.DESCENDING))

    def insert_first_key(self, key: Document) -> None:
        """Store the very first signing key, unless another process was quicker."""
        self._keys.update_one(
            {"first": True}, {"$setOnInsert": {**key, "first": True}}, upsert=True
        )


def _duplicate_field(error: DuplicateKeyError) -> str:
    text = str((error.details or {}).get("errmsg", error))
    return next((field for field in UNIQUE_FIELDS if f"{field}_unique" in text), UNIQUE_FIELDS[0])
