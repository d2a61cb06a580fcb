"""Every call to MongoDB: accounts, refresh-token families, signing keys, reset links, mails."""

import threading
from datetime import datetime
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from pymongo import ASCENDING, DESCENDING, MongoClient, ReturnDocument
from pymongo.errors import DuplicateKeyError

from users.errors import TakenError
from users.settings import UsersSettings

TIMEOUT_MS = 5_000
# A server that is up is found at once; one that is away is not worth a longer wait.
FIND_SERVER_MS = 2_000
RATES = "rate_windows"
UNIQUE_FIELDS = ("email", "cpf_cnpj")

Document = dict[str, Any]


class Store:
    """The database of users; safe from any thread. Raises pymongo.errors.PyMongoError.

    `client` is for the library that counts tries (see users.limits).
    """

    def __init__(self, settings: UsersSettings) -> None:
        self.client: MongoClient[Document] = MongoClient(
            settings.mongo_url.get_secret_value(),
            appname="users",
            tz_aware=True,
            w="majority",
            serverSelectionTimeoutMS=FIND_SERVER_MS,
            connectTimeoutMS=FIND_SERVER_MS,
            waitQueueTimeoutMS=FIND_SERVER_MS,
            socketTimeoutMS=TIMEOUT_MS,
        )
        database = self.client[settings.mongo_database]
        self._accounts = database["accounts"]
        self._families = database["token_families"]
        self._keys = database["signing_keys"]
        self._links = database["reset_links"]
        self._mails = database["mails"]
        self._rates = database[RATES]
        self._preparing = threading.Lock()
        self._prepared = False

    def prepare(self) -> None:
        """Make the indexes, once per process; those that exist already stay as they are."""
        with self._preparing:
            if not self._prepared:
                self._make_indexes()
                self._prepared = True

    def ping(self) -> None:
        """Raise unless the database answers."""
        self.client.admin.command("ping")

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    # Accounts

    def insert_account(self, account: Document) -> Document:
        """Store a new account and return it with its id; raises TakenError naming the fields."""
        self.prepare()  # without the unique indexes nothing would be refused
        try:
            inserted = self._accounts.insert_one(account)
        except DuplicateKeyError as exc:
            raise self._taken(account) from exc
        return {**account, "_id": inserted.inserted_id}

    def find_account(self, account_id: str) -> Document | None:
        """Return the account with this id, or None."""
        key = _object_id(account_id)
        return self._accounts.find_one({"_id": key}) if key else None

    def find_account_by(self, field: str, value: str) -> Document | None:
        """Return the account with this value in one of UNIQUE_FIELDS, or None."""
        return self._accounts.find_one({field: value})

    def list_accounts(self, page: int, page_size: int) -> tuple[list[Document], int]:
        """Return one page of the accounts, newest first, and how many there are in all."""
        found = self._accounts.find().sort("_id", DESCENDING)
        rows = list(found.skip((page - 1) * page_size).limit(page_size))
        return rows, self._accounts.count_documents({})

    def update_account(self, account_id: ObjectId, changes: Document) -> Document | None:
        """Change fields of an account and return it, None if it is gone; raises TakenError."""
        if not changes:
            return self._accounts.find_one({"_id": account_id})
        try:
            return self._accounts.find_one_and_update(
                {"_id": account_id}, {"$set": changes}, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError as exc:
            raise self._taken({**changes, "_id": account_id}) from exc

    def replace_password_hash(self, account_id: ObjectId, old: str, new: str) -> bool:
        """Replace the hash of a password; False if it is not `old` any more."""
        done = self._accounts.update_one(
            {"_id": account_id, "password_hash": old}, {"$set": {"password_hash": new}}
        )
        return done.matched_count == 1

    def delete_account(self, account_id: ObjectId) -> None:
        """Remove an account and whatever leads to it."""
        self.revoke_families(str(account_id))
        self.delete_links(str(account_id))
        self._accounts.delete_one({"_id": account_id})

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
        done = self._families.update_one(
            {"_id": family, "token_id": token_id, "revoked": False},
            {"$set": {"token_id": new_token_id, "expires_at": expires_at}},
        )
        return done.matched_count == 1

    def revoke_family(self, family: str) -> None:
        """Make every refresh token of a family invalid."""
        self._families.update_one({"_id": family}, {"$set": {"revoked": True}})

    def revoke_families(self, user_id: str, *, but: str | None = None) -> None:
        """Make every refresh token of an account invalid, `but` those of one family."""
        self._families.update_many(
            {"user_id": user_id, "_id": {"$ne": but}}, {"$set": {"revoked": True}}
        )

    # Signing keys; the number of a key is its place in the order in which they were made.

    def list_keys(self) -> list[Document]:
        """Return the signing keys, newest first."""
        return list(self._keys.find().sort("_id", DESCENDING))

    def insert_key(self, number: int, key: Document) -> bool:
        """Store a signing key; False if another process has stored this number before."""
        try:
            self._keys.insert_one({"_id": number, **key})
        except DuplicateKeyError:
            return False
        return True

    def retire_keys(self, before: int, expires_at: datetime) -> None:
        """Let the keys of smaller numbers go at a time; for those that go already it stays."""
        self._keys.update_many(
            {"_id": {"$lt": before}, "expires_at": {"$exists": False}},
            {"$set": {"expires_at": expires_at}},
        )

    # Links to another password, by the digest of their token

    def insert_link(self, digest: str, user_id: str, expires_at: datetime) -> None:
        """Make a link valid."""
        self._links.insert_one({"_id": digest, "user_id": user_id, "expires_at": expires_at})

    def take_link(self, digest: str, now: datetime) -> str | None:
        """Use a link up and return whose it was; None if it is not valid."""
        found = self._links.find_one_and_delete({"_id": digest, "expires_at": {"$gt": now}})
        return found["user_id"] if found else None

    def delete_links(self, user_id: str) -> None:
        """Make all links of an account invalid."""
        self._links.delete_many({"user_id": user_id})

    # Mails that wait to be sent

    def put_mail(self, mail: Document) -> None:
        """Store a mail; it needs `next_attempt_at`, `expires_at` and `attempts`."""
        self._mails.insert_one(mail)

    def claim_mail(self, now: datetime, lease_until: datetime) -> Document | None:
        """Return a mail that is due, and nobody else's until the lease ends; None if none is."""
        return self._mails.find_one_and_update(
            {"next_attempt_at": {"$lte": now}, "expires_at": {"$gt": now}},
            {"$set": {"next_attempt_at": lease_until}, "$inc": {"attempts": 1}},
            sort=[("next_attempt_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )

    def postpone_mail(self, mail_id: ObjectId, until: datetime) -> None:
        """Give a claimed mail back, to be tried again later."""
        self._mails.update_one({"_id": mail_id}, {"$set": {"next_attempt_at": until}})

    def repeat_mail(self, mail_id: ObjectId, at: datetime) -> None:
        """Have a claimed mail that was sent, for the first time (`told`), sent again then."""
        self._mails.update_one({"_id": mail_id}, {"$set": {"next_attempt_at": at, "told": True}})

    def delete_mail(self, mail_id: ObjectId) -> None:
        """Remove a mail that was sent, or never will be."""
        self._mails.delete_one({"_id": mail_id})

    def _taken(self, account: Document) -> TakenError:
        others = {"_id": {"$ne": account.get("_id")}}
        wanted = [field for field in UNIQUE_FIELDS if field in account]
        return TakenError(
            field
            for field in wanted
            if self._accounts.find_one({field: account[field], **others}, ["_id"])
        )

    def _make_indexes(self) -> None:
        for field in UNIQUE_FIELDS:
            # An administrator has no document; a plain unique index would allow only one such.
            self._accounts.create_index(
                [(field, ASCENDING)],
                unique=True,
                name=f"{field}_unique",
                partialFilterExpression={field: {"$exists": True}},
            )
        for collection in (self._families, self._keys, self._links, self._mails):
            collection.create_index("expires_at", expireAfterSeconds=0, name="expired")
        self._rates.create_index("expireAt", expireAfterSeconds=0)  # named by the library
        for collection in (self._families, self._links):
            collection.create_index("user_id", name="user")


def _object_id(text: str) -> ObjectId | None:
    try:
        return ObjectId(text)
    except InvalidId:
        return None
