"""Make the MongoDB user of the service `users`: it may read and write that one database.

Doing it again sets the user's password and rights again.
"""

import os
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import OperationFailure

USER = DATABASE = "users"
USER_EXISTS = 51003
TIMEOUT_MS = 30_000


def main() -> None:
    """Make or correct the user; raises pymongo.errors.PyMongoError when MongoDB refuses."""
    folder = Path(os.environ.get("SECRETS_DIR", "/run/secrets"))
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
        (folder / "mongo_url").read_text(), serverSelectionTimeoutMS=TIMEOUT_MS
    )
    rights: dict[str, Any] = {
        "pwd": (folder / "users_password").read_text(),
        "roles": [{"role": "readWrite", "db": DATABASE}],
    }
    try:
        client[DATABASE].command("createUser", USER, **rights)
    except OperationFailure as exc:
        if exc.code != USER_EXISTS:
            raise
        client[DATABASE].command("updateUser", USER, **rights)


if __name__ == "__main__":
    main()
