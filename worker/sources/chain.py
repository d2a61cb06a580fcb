"""Asks one source after the other until one knows the company."""

from dataclasses import dataclass
from typing import NamedTuple

import requests

from worker.sources import registry
from worker.sources.company import Company
from worker.sources.errors import NotFound, SourceError, Unavailable
from worker.sources.http import new_session
from worker.sources.settings import SourceOptions, SourceSettings
from worker.sources.source import Source


class Finding(NamedTuple):
    """A company and the name of the source that knew it."""

    company: Company
    source: str


@dataclass(frozen=True)
class Chain:
    """Sources in the order in which to ask them; any number of threads may look up at once."""

    links: tuple[tuple[Source, SourceOptions], ...]
    session: requests.Session

    def lookup(self, cnpj: str) -> Finding:
        """Return what the first source that knows the CNPJ says of it.

        Raises the SourceError that decides what to do next, its `source` set: a transient one if
        any source may still know (the one that may be asked soonest), else the last.
        """
        errors: list[SourceError] = []
        for source, options in self.links:
            if not source.accepts(cnpj):
                continue
            try:
                return Finding(source.fetch(cnpj, options, self.session), source.name)
            except SourceError as error:
                error.source = source.name
                errors.append(error)
        raise _verdict(errors)


def build_chain(settings: SourceSettings) -> Chain:
    """Return the chain that the settings name."""
    links = tuple((registry.find(name), settings.options(name)) for name in settings.sources)
    return Chain(links, new_session())


def _verdict(errors: list[SourceError]) -> SourceError:
    if not errors:
        return Unavailable(reason="Nenhuma fonte configurada aceita CNPJ com letras.")
    not_found = [error for error in errors if isinstance(error, NotFound)]
    if len(not_found) > 1:
        return not_found[-1]
    transient = [error for error in errors if error.transient]
    return min(transient, key=lambda error: error.retry_after or 0.0) if transient else errors[-1]
