"""A server in the registry's place, whose answers are worse than any of the simulator's."""

import gzip
import random
import threading
from collections.abc import Callable
from http import HTTPStatus

from devstack.ports import LOOPBACK, free
from devstack.webserver import Answer, Request, serve

MEGABYTE = b" " * 1_000_000
FLOOD_MEGABYTES = 200
RETRY_AFTER_SECONDS = 3


def _flood(_request: Request) -> Answer:
    return Answer(MEGABYTE for _ in range(FLOOD_MEGABYTES))


def _bomb(_request: Request) -> Answer:
    return Answer(_BOMB, headers={"Content-Encoding": "gzip"})


def _garbage(_request: Request) -> Answer:
    return Answer(random.randbytes(20_000))


def _cut(_request: Request) -> Answer:
    return Answer([b"<html>"], length=50_000)


def _pause(_request: Request) -> Answer:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Answer(status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)


_BOMB = gzip.compress(MEGABYTE * FLOOD_MEGABYTES, 6)
ANSWERS: dict[str, Callable[[Request], Answer]] = {
    "flood": _flood,
    "bomb": _bomb,
    "rubbish": _garbage,
    "cut-off": _cut,
    "retry-after": _pause,
}


def start() -> dict[str, int]:
    """Start a server of each kind, for as long as this process lives; return their ports."""
    ports = dict(zip(ANSWERS, free(len(ANSWERS)), strict=True))
    for kind, port in ports.items():
        threading.Thread(target=serve, args=(LOOPBACK, port, ANSWERS[kind]), daemon=True).start()
    return ports
