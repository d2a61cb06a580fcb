"""Reads the JSON answers of the public services: bytes in, `Company` out, no network."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice

from worker.sources import fields
from worker.sources.company import Company
from worker.sources.encoding import to_utf8
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
    WrongCompany,
)

REQUIRED = ("cnpj", "nome_empresarial", "situacao_cadastral")

# What an answer that is no company says, in capitals without accents (or with lost letters), in
# the order that counts.
_COMPLAINTS: tuple[tuple[re.Pattern[str], type[SourceError]], ...] = (
    (re.compile(r"TOO MANY|MUITAS REQUISICOES|LIMIT|CREDITS|\b429\b"), RateLimited),
    (
        re.compile(
            r"NOT FOUND|\bN\S{1,2}O (FOI |FORAM |EST\S{1,2} )?"
            r"(ENCONTRAD|LOCALIZAD|EXISTE|CADASTRAD|CONSTA)|INEXISTENTE|REJEITAD"
        ),
        NotFound,
    ),
    (
        re.compile(
            r"(CNPJ|TAX ?ID).*(INV\S{1,2}LID|NOT (A )?VALID)|INVALID\w* (CNPJ|TAX)|MUST BE A VALID"
        ),
        InvalidCnpj,
    ),
    (re.compile(r"CAPTCHA"), Captcha),
)
_COMPLAINT_KEYS = (
    "message", "error", "errors", "titulo", "title", "detalhes", "detail", "mensagem",
    "constraints", "validacao", "code",
)  # fmt: skip
# A complaint is short; of what goes on and on the beginning is read.
_MAX_COMPLAINTS = 20
_LONGEST_COMPLAINT = 1000
_LONGEST_PLAIN_COMPLAINT = 500
_CHALLENGE = re.compile(
    rb"captcha|challenge|just a moment|attention required|verify you are|enable javascript", re.I
)
_RATE_LIMITED = re.compile(rb"too many requests|rate.?limited", re.I)
_JAVASCRIPT_DATE = re.compile(r"[A-Z][a-z]{2} [0-9]{2} [0-9]{4} [0-9:]{8} GMT[+-][0-9]{4}")


class Record:
    """A JSON object of which nothing is taken for granted: what is not there is empty."""

    def __init__(self, value: object) -> None:
        self._values: dict[str, object] = value if isinstance(value, dict) else {}

    def get(self, *names: str) -> object:
        """Return the value of the first of these names that has one, else None."""
        values = (self._values.get(name) for name in names)
        return next(
            (value for value in values if isinstance(value, bool) or fields.text(value)), None
        )

    def record(self, name: str) -> "Record":
        """Return the object of that name."""
        return Record(self._values.get(name))

    def items(self, *names: str) -> list[object]:
        """Return the entries of the first of these names that is a list."""
        values = (self._values.get(name) for name in names)
        return next((value for value in values if isinstance(value, list)), [])

    def records(self, *names: str) -> list["Record"]:
        """Return the entries of the first of these names that is a list, as records."""
        return [Record(item) for item in self.items(*names)]


def reader(company: Callable[[Record], Company]) -> Callable[[bytes, str], Company]:
    """Return the `parse` of a source, from the function that maps its answer to a company.

    `parse` raises WrongCompany for an answer about another CNPJ, LayoutChanged when the company
    lacks what every company has, and for an answer that is none what it says of itself.
    """

    def parse(body: bytes, cnpj: str = "") -> Company:
        data = _load(body)
        record = Record(data)
        found = company(record)
        if not found.nome_empresarial and (complaint := _complaint(record)):
            raise complaint
        missing = tuple(name for name in REQUIRED if not getattr(found, name))
        if missing:
            raise LayoutChanged(missing)
        if cnpj and found.cnpj != cnpj:
            raise WrongCompany
        return found

    return parse


def _load(body: bytes) -> object:
    body = to_utf8(body)
    if body.lstrip()[:1] == b"<":
        raise _page(body)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        if len(body) < _LONGEST_PLAIN_COMPLAINT and _RATE_LIMITED.search(body):
            raise RateLimited from exc
        raise Unavailable(reason="A resposta da fonte veio incompleta ou ilegível.") from exc


def _page(body: bytes) -> SourceError:
    """Return what a page means that came in place of an answer."""
    if _RATE_LIMITED.search(body):
        return RateLimited()
    return Captcha() if _CHALLENGE.search(body) else Unavailable()


def _complaint(record: Record) -> SourceError | None:
    """Return what an answer that names no company says, or None if it says nothing."""
    said = islice(filter(None, map(fields.text, _said(record))), _MAX_COMPLAINTS)
    text = " ".join(said)[:_LONGEST_COMPLAINT]
    if not text:
        return None
    plain = fields.plain(text)
    for pattern, error in _COMPLAINTS:
        if pattern.search(plain):
            return RateLimited(_release(text)) if error is RateLimited else error()
    return Unavailable()


def _said(record: Record) -> Iterator[object]:
    """Yield what stands under the keys of a complaint, in an object or a list there as well."""
    for key in _COMPLAINT_KEYS:
        yield record.get(key)
        entries = record.items(key)[:_MAX_COMPLAINTS]
        for within in (record.record(key), *map(Record, entries)):
            yield from (within.get(inner) for inner in _COMPLAINT_KEYS)
        yield from entries


def _release(text: str) -> float | None:
    """Return the seconds until the moment that a text in JavaScript's form of a date names."""
    match = _JAVASCRIPT_DATE.search(text)
    if not match:
        return None
    try:
        moment = datetime.strptime(match[0], "%b %d %Y %H:%M:%S GMT%z")
    except ValueError:
        return None
    seconds = (moment - datetime.now(UTC)).total_seconds()
    return seconds if seconds > 0 else None
