"""Asks one source after the other until one knows the company."""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import requests

from core import logs
from worker.sources import registry
from worker.sources.company import Company
from worker.sources.errors import (
    Captcha,
    LayoutChanged,
    NoSource,
    NotFound,
    SourceError,
)
from worker.sources.guard import Guard, Unguarded
from worker.sources.http import new_session
from worker.sources.settings import SourceOptions, SourceSettings
from worker.sources.source import Source

# How many sources must say so before a company is held not to exist.
NOT_FOUND_PROOF = 2

# Which of the errors that no retry helps counts for the whole chain: the one a person can act on.
_BY_WEIGHT = (NotFound, Captcha, LayoutChanged, SourceError)

log = logs.logger(__name__)


class Finding(NamedTuple):
    """A company and the name of the source that knew it."""

    company: Company
    source: str


@dataclass(frozen=True)
class Chain:
    """Sources in the order in which to ask them; any number of threads may look up at once."""

    links: tuple[tuple[Source, SourceOptions], ...]
    session: requests.Session
    guard: Guard

    def lookup(self, cnpj: str) -> Finding:
        """Return what the first source that knows the CNPJ says of it.

        Raises the SourceError that decides what to do next, its `source` set: NotFound with
        `confirmed` when two sources said so; else a transient one if any source may still know
        (of several the one that may be asked soonest); else the one that weighs most.
        """
        errors: list[SourceError] = []
        for source, options in self.links:
            if not source.accepts(cnpj):
                continue
            answer = self._ask(source, options, cnpj)
            if isinstance(answer, Company):
                return Finding(answer, source.name)
            answer.source = source.name
            errors.append(answer)
            if _is_proven_missing(errors):
                break
        raise _verdict(errors)

    def _ask(self, source: Source, options: SourceOptions, cnpj: str) -> Company | SourceError:
        if held_back := self.guard.ask(source.name):
            return held_back
        started = time.monotonic()
        answer = _fetched(source, cnpj, options, self.session)
        seconds = time.monotonic() - started
        error = answer if isinstance(answer, SourceError) else None
        self.guard.tell(source.name, seconds, error)
        if error:
            log.info(
                "source_failed", source=source.name, code=error.code, seconds=round(seconds, 3)
            )
        return answer


def build_chain(settings: SourceSettings, guard: Guard | None = None) -> Chain:
    """Return the chain that the settings name; without a guard nothing is held back."""
    links = tuple((registry.find(name), settings.options(name)) for name in settings.sources)
    return Chain(links, new_session(), guard or Unguarded())


def _fetched(
    source: Source, cnpj: str, options: SourceOptions, session: requests.Session
) -> Company | SourceError:
    try:
        return source.fetch(cnpj, options, session)
    except SourceError as error:
        return error


def _is_proven_missing(errors: list[SourceError]) -> bool:
    return sum(isinstance(error, NotFound) for error in errors) >= NOT_FOUND_PROOF


def _verdict(errors: list[SourceError]) -> SourceError:
    if not errors:
        return NoSource()
    transient = [error for error in errors if error.transient]
    if transient and not _is_proven_missing(errors):
        return min(transient, key=_wait)
    verdict = next(error for kind in _BY_WEIGHT for error in errors if isinstance(error, kind))
    if isinstance(verdict, NotFound):
        verdict.confirmed = _is_proven_missing(errors)
    return verdict


def _wait(error: SourceError) -> float:
    return math.inf if error.retry_after is None else error.retry_after
