"""The kinds of value that clients send: how each is read, and what a bad one is told."""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from core.clock import to_utc, utc_now, utc_text
from core.documents import InvalidDocumentError, parse_cnpj, parse_cpf
from core.ledger.models import DESCRIPTION_LENGTH, MAX_PRIORITY, TITLE_LENGTH, Status
from core.ledger.recurrence import parse as parse_rule

OLDEST_DATE = timedelta(hours=24)
FARTHEST_DATE = timedelta(days=3_660)
BAD_DATE = "Data inválida: use AAAA-MM-DDThh:mm."
KEY_LENGTH = 255

_DIGIT = re.compile(r"\s*[0-9]\s*", re.ASCII)
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}.{0,30})?", re.ASCII)
# Unicode categories that belong in no text of one line: control characters, line separators.
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp"})


def line(text: str) -> str:
    """Return the text; raises ValueError unless it is one line without control characters."""
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise ValueError("Não pode conter caracteres de controle nem quebras de linha.")
    return text


def paragraphs(text: str) -> str:
    """Return the text; raises ValueError for control characters other than lines and tabs."""
    if any(unicodedata.category(c) == "Cc" and c not in "\t\n\r" for c in text):
        raise ValueError("Não pode conter caracteres de controle.")
    return text


def cnpj(text: str) -> str:
    """Return the 14 characters of a CNPJ; raises ValueError, for a CPF too, saying so."""
    try:
        return parse_cnpj(text)
    except InvalidDocumentError:
        if _is_cpf(text):
            raise ValueError(
                "Isto é um CPF, e só empresas podem ser consultadas: informe um CNPJ."
            ) from None
        raise


def moment(value: Any) -> datetime:
    """Return the UTC moment of an ISO 8601 text; without a zone it is America/Sao_Paulo's.

    A date alone is its midnight. Raises ValueError for anything else, numbers among it.
    """
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value.strip()):
        raise ValueError(BAD_DATE)
    try:
        return to_utc(datetime.fromisoformat(value.strip()))
    except (ValueError, OverflowError):
        raise ValueError(BAD_DATE) from None


def moment_until(value: Any) -> datetime:
    """Return the UTC moment of a text as `moment` does, but a date alone is that day's end."""
    if isinstance(value, str) and _ISO_DAY.fullmatch(value.strip()):
        return moment(f"{value.strip()}T23:59:59.999999")
    return moment(value)


def schedulable(date: datetime) -> datetime:
    """Return the date; raises ValueError when it is long past or too far away to mean it."""
    if date < utc_now() - OLDEST_DATE:
        raise ValueError("A data já passou há mais de 24 horas.")
    if date > utc_now() + FARTHEST_DATE:
        raise ValueError("A data está a mais de 10 anos de hoje.")
    return date


def _is_cpf(text: str) -> bool:
    try:
        parse_cpf(text)
    except InvalidDocumentError:
        return False
    return True


def _digit(value: Any) -> Any:
    return int(value) if isinstance(value, str) and _DIGIT.fullmatch(value) else value


def _listed(value: Any) -> Any:
    """Return the parts of a text with commas; nothing chooses nothing."""
    return [part.strip() for part in value.split(",") if part.strip()]


Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=TITLE_LENGTH),
    AfterValidator(line),
]
Description = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=DESCRIPTION_LENGTH),
    AfterValidator(paragraphs),
]
Cnpj = Annotated[
    str,
    AfterValidator(cnpj),
    WithJsonSchema({"type": "string", "examples": ["11.222.333/0001-81"]}),
]
Moment = Annotated[
    datetime,
    BeforeValidator(moment),
    WithJsonSchema({"type": "string", "examples": ["2027-03-01T09:00", "2027-03-01T12:00Z"]}),
]
Recurrence = Annotated[
    str,
    AfterValidator(parse_rule),
    WithJsonSchema({"type": "string", "examples": ["FREQ=WEEKLY;BYDAY=MO,TH;COUNT=8"]}),
]
JobDate = Annotated[Moment, AfterValidator(schedulable)]
Priority = Annotated[
    int, Field(strict=True, ge=0, le=MAX_PRIORITY, examples=[0]), BeforeValidator(_digit)
]
Key = Annotated[str, StringConstraints(min_length=1, max_length=KEY_LENGTH), AfterValidator(line)]
Until = Annotated[
    datetime,
    BeforeValidator(moment_until),
    WithJsonSchema({"type": "string", "examples": ["2027-03-31"]}),
]
Statuses = Annotated[
    frozenset[Status],
    BeforeValidator(_listed),
    WithJsonSchema({"type": "string", "examples": ["created,queued"]}),
]
Priorities = Annotated[
    frozenset[Annotated[int, Field(ge=0, le=MAX_PRIORITY)]],
    BeforeValidator(_listed),
    WithJsonSchema({"type": "string", "examples": ["4,5"]}),
]
Words = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=TITLE_LENGTH), AfterValidator(line)
]
# How a moment is answered: ISO 8601 in UTC, with its offset.
Utc = Annotated[
    datetime,
    PlainSerializer(utc_text),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
