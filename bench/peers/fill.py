"""Publishes a list of jobs (JSON on standard input): `python -m bench.peers.fill celery`."""

import json
import sys
from typing import Any


def _celery(jobs: list[dict[str, Any]]) -> None:
    from bench.peers import celery_app  # noqa: PLC0415 only the one that is asked for

    for job in jobs:
        celery_app.task.apply_async((job,), priority=job["priority"])


def _dramatiq(jobs: list[dict[str, Any]]) -> None:
    from bench.peers import dramatiq_app  # noqa: PLC0415 only the one that is asked for

    for job in jobs:
        dramatiq_app.actor.send_with_options(args=(job,), broker_priority=job["priority"])


if __name__ == "__main__":
    {"celery": _celery, "dramatiq": _dramatiq}[sys.argv[1]](json.load(sys.stdin))
