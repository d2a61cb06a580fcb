"""Reads a saved page or answer whose source nobody names, by what it holds."""

from worker.sources import receita_page, registry
from worker.sources.company import Company
from worker.sources.encoding import to_utf8
from worker.sources.errors import LayoutChanged, SourceError
from worker.sources.settings import WEB_SOURCE_NAMES

_SERVICES = tuple(name for name in WEB_SOURCE_NAMES if name != "receita")


def parse(body: bytes, cnpj: str = "") -> Company:
    """Return the company of one of the Receita's pages or of an answer of any service.

    Raises a SourceError as the parser of that source does.
    """
    if to_utf8(body).lstrip()[:1] not in {b"{", b"["}:
        return receita_page.parse(body, cnpj)
    readings = [_reading(name, body, cnpj) for name in _SERVICES]
    companies = [reading for reading in readings if isinstance(reading, Company)]
    if companies:
        return max(companies, key=_known_fields)
    raise min((error for error in readings if isinstance(error, SourceError)), key=_missing)


def _reading(name: str, body: bytes, cnpj: str) -> Company | SourceError:
    try:
        return registry.find(name).parse(body, cnpj)
    except SourceError as error:
        # A traceback would keep the whole answer in memory, once for each service.
        return error.with_traceback(None)


def _known_fields(company: Company) -> int:
    return sum(bool(value) for value in company.as_dict().values())


def _missing(error: SourceError) -> int:
    return len(error.missing) if isinstance(error, LayoutChanged) else 0
