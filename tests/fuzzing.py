"""Schemathesis against an app: whatever is sent, the answers are those that are documented.

It calls the app in this process: no HTTP, no second process, the same servers behind it.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any
from unittest import mock

import schemathesis
from apiflask import APIFlask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGI_TRANSPORT, WSGITransport


def require_documented(
    app: APIFlask, token: str, *, cases_per_call: int, without: Sequence[str] = ()
) -> Counter[str]:
    """Send generated requests, good and bad ones, and return how many by phase.

    Fails on a surprise. ``without`` holds calls that are left out, such as ``DELETE /me``.
    """
    config = SchemathesisConfig.from_dict(_settings(token, cases_per_call))
    with warnings.catch_warnings(), mock.patch.object(WSGI_TRANSPORT, "send", _send):
        # What it warns of is about its own ways to generate.
        warnings.simplefilter("ignore")
        schema: Any = schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)
        for call in without:
            schema = schema.exclude(name=call)
        sent: Counter[str] = Counter()
        surprises: list[str] = []
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                sent[event.phase.value] += len(event.recorder.checks)
                surprises += _failures(event)
            elif isinstance(event, events.NonFatalError):
                surprises.append(f"{event.label}: {event.info.format()}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    assert not surprises, "\n\n".join(surprises[:20])
    return sent


def _send(case: Any, **options: Any) -> Any:
    """Send without what only a socket has: Schemathesis 4.32 gives that to the app with probes."""
    for name in ("max_redirects", "verify", "cert"):
        options.pop(name, None)
    if str(case.media_type).startswith("multipart/") and not isinstance(case.body, dict):
        # A form that is none would come without its type, and then it may be a table.
        options["headers"] = {**(options.get("headers") or {}), "Content-Type": case.media_type}
    return WSGITransport.send(WSGI_TRANSPORT, case, **options)


def _settings(token: str, cases_per_call: int) -> dict[str, Any]:
    return {
        "headers": {"Authorization": f"Bearer {token}"},
        "continue-on-failure": True,
        "generation": {"max-examples": cases_per_call, "no-shrink": True},
        # A schema cannot say all: that two passwords are equal, that a CNPJ's digits must check.
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }


def _failures(event: events.ScenarioFinished) -> list[str]:
    return [
        f"{event.label}: {check.failure_info.failure.title}\n{check.failure_info.failure.message}\n"
        f"{check.failure_info.code_sample}"
        for checks in event.recorder.checks.values()
        for check in checks
        if check.failure_info is not None
    ]
