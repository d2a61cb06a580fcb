"""A server of MongoDB's wire protocol, from the ``secantusdb`` wheel."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from devstack.ports import LOOPBACK
from devstack.process import NotReadyError, Program

PING_TIMEOUT_MS = 2000


def program(home: Path, port: int) -> Program:
    """Return the MongoDB server of a home."""
    launcher = Path(sys.executable).with_name("secantusd-py")
    return Program(
        name="mongo",
        command=(
            str(launcher),
            *("--host", LOOPBACK, "--port", str(port)),
            *("--storage-path", str(home.resolve() / "mongo"), "--cache-size", "128M"),
        ),
        home=home,
        ready=partial(_ready, port),
    )


def url(port: int) -> str:
    """Return the MongoDB URL of the server on this port."""
    return f"mongodb://{LOOPBACK}:{port}/"


def _ready(port: int) -> None:
    try:
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(
            url(port), serverSelectionTimeoutMS=PING_TIMEOUT_MS
        )
        with client:
            client.admin.command("ping")
    except PyMongoError as error:
        raise NotReadyError(str(error)) from error
