"""Asks one source after the other until one knows the company."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
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
from worker.sources.settings import SourceOptions, SourceSettings, StoreOptions

# How many sources must say so before a company is held not to exist.
NOT_FOUND_PROOF = 2

# Which of the errors that no retry helps counts for the whole chain: the one a person can act on.
_BY_WEIGHT = (NotFound, Captcha, LayoutChanged, SourceError)

log = logs.logger(__name__)


class Finding(NamedTuple):
    """A company and the name of the source that knew it."""

    company: Company
    source: str


class Link(NamedTuple):
    """A source in a chain: whether it takes a CNPJ, and what it says of it or a SourceError."""

    name: str
    accepts: Callable[[str], bool]
    fetch: Callable[[str], Company]


@dataclass(frozen=True)
class Chain:
    """Sources in the order in which to ask them; any number of threads may look up at once."""

    links: tuple[Link, ...]
    guard: Guard

    def lookup(self, cnpj: str) -> Finding:
        """Return what the first source that knows the CNPJ says of it.

        Raises the SourceError that decides what to do next, its `source` set: NotFound with
        `confirmed` when two sources said so; else a transient one if any source may still know
        (of several the one that may be asked soonest, which uses up no attempt if it was only held
        back: it was not asked yet; with the `captcha` of the one that asked for a person); else the
        one that weighs most.
        """
        errors: list[SourceError] = []
        for link in self.links:
            if not link.accepts(cnpj):
                continue
            answer = self._ask(link, cnpj)
            if isinstance(answer, Company):
                return Finding(answer, link.name)
            answer.source = link.name
            errors.append(answer)
            if _is_proven_missing(errors):
                break
        raise _verdict(errors)

    def _ask(self, link: Link, cnpj: str) -> Company | SourceError:
        if held_back := self.guard.ask(link.name):
            return held_back
        started = time.monotonic()
        answer = _fetched(link, cnpj)
        seconds = time.monotonic() - started
        error = answer if isinstance(answer, SourceError) else None
        self.guard.tell(link.name, seconds, error)
        if error:
            log.info("source_failed", source=link.name, code=error.code, seconds=round(seconds, 3))
        return answer


def build_chain(settings: SourceSettings, guard: Guard | None = None) -> Chain:
    """Return the chain that the settings name; without a guard nothing is held back."""
    session = new_session()
    links = (make_link(name, settings.options(name), session) for name in settings.sources)
    return Chain(tuple(links), guard or Unguarded())


def make_link(name: str, options: SourceOptions | StoreOptions, session: requests.Session) -> Link:
    """Return the source of that name, ready to ask."""
    if isinstance(options, StoreOptions):
        from worker.sources.dados_abertos import Store  # noqa: PLC0415 DuckDB is loaded only if used

        return Link(name, lambda _: True, Store(options.path).find)
    source = registry.find(name)
    return Link(name, source.accepts, partial(source.fetch, options=options, session=session))


def _fetched(link: Link, cnpj: str) -> Company | SourceError:
    try:
        return link.fetch(cnpj)
    except SourceError as error:
        return error


def _is_proven_missing(errors: list[SourceError]) -> bool:
    return sum(isinstance(error, NotFound) for error in errors) >= NOT_FOUND_PROOF


def _verdict(errors: list[SourceError]) -> SourceError:
    if not errors:
        return NoSource()
    transient = [error for error in errors if error.transient]
    if transient and not _is_proven_missing(errors):
        soonest = min(transient, key=_wait)
        soonest.captcha = next((error for error in errors if isinstance(error, Captcha)), None)
        return soonest
    verdict = next(error for kind in _BY_WEIGHT for error in errors if isinstance(error, kind))
    if isinstance(verdict, NotFound):
        verdict.confirmed = _is_proven_missing(errors)
        verdict.said_by = tuple(error.source for error in errors if isinstance(error, NotFound))
    return verdict


def _wait(error: SourceError) -> float:
    return math.inf if error.retry_after is None else error.retry_after
