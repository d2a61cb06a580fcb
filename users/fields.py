"""The kinds of value that clients send: how each is read, and what a bad one is told."""

import re
import unicodedata
from datetime import date
from typing import Annotated, Any

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from core.clock import SAO_PAULO, utc_now
from core.documents import parse_cpf_cnpj

OLDEST_BIRTH = date(1900, 1, 1)
BAD_DATE = "Data inválida: use AAAA-MM-DD."
EMAIL_LENGTH = 254
EXAMPLE = "girassol-no-quintal"
STATES = "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO"

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CEP = re.compile(r"(\d{5})-?(\d{3})", re.ASCII)
# Unicode categories that belong in no text of one line: control characters, line separators.
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp"})


def line(text: str) -> str:
    """Return the text; raises ValueError unless it is one line without control characters."""
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise ValueError("Não pode conter caracteres de controle nem quebras de linha.")
    return text


def email(text: str) -> str:
    """Return the address in the form in which accounts are compared; raises ValueError.

    Addresses under .test are taken (RFC 6761). A part before the @ with accents is not: few mail
    servers deliver to it (RFC 6531).
    """
    try:
        found = validate_email(
            text.strip(), allow_smtputf8=False, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        raise ValueError("E-mail inválido.") from None
    return found.normalized.lower()


def typed_email(text: str) -> str:
    """Return what somebody typed to log in, in the form of `email` where it has one."""
    try:
        return email(text)
    except ValueError:
        return text.strip().lower()


def birth_date(value: Any) -> date:
    """Return the date of a text such as 1985-03-14; raises ValueError."""
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value.strip()):
        raise ValueError(BAD_DATE)
    try:
        born = date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError(BAD_DATE) from None
    if not OLDEST_BIRTH <= born < utc_now().astimezone(SAO_PAULO).date():
        raise ValueError("A data de nascimento deve estar entre 1900 e ontem.")
    return born


def state(text: str) -> str:
    """Return the two letters of a state, or nothing; raises ValueError."""
    letters = text.strip().upper()
    if letters and letters not in STATES.split():
        raise ValueError("UF desconhecida: use a sigla do estado, como SP.")
    return letters


def postal_code(text: str) -> str:
    """Return a CEP as NNNNN-NNN, or nothing; raises ValueError."""
    digits = _CEP.fullmatch(text.strip())
    if text.strip() and not digits:
        raise ValueError("CEP inválido: use NNNNN-NNN.")
    return "-".join(digits.groups()) if digits else ""


def _line_of(shortest: int, longest: int) -> Any:
    return StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest)


Name = Annotated[str, _line_of(2, 120), AfterValidator(line), Field(examples=["Maria Araújo"])]
Street = Annotated[str, _line_of(0, 120), AfterValidator(line)]
Short = Annotated[str, _line_of(0, 20), AfterValidator(line)]
State = Annotated[str, AfterValidator(state), Field(examples=["SP"])]
PostalCode = Annotated[str, AfterValidator(postal_code), Field(examples=["01310-100"])]
Password = Annotated[
    str, Field(min_length=8, max_length=128, examples=[EXAMPLE]), AfterValidator(line)
]
# A password that is compared, not chosen.
TypedPassword = Annotated[str, Field(max_length=128, examples=[EXAMPLE])]
Email = Annotated[
    str,
    AfterValidator(email),
    WithJsonSchema({"type": "string", "format": "email", "examples": ["maria@example.com"]}),
]
TypedEmail = Annotated[
    str,
    Field(max_length=EMAIL_LENGTH, examples=["maria@example.com"]),
    AfterValidator(typed_email),
]
CpfCnpj = Annotated[str, AfterValidator(parse_cpf_cnpj), Field(examples=["529.982.247-25"])]
BirthDate = Annotated[
    date,
    BeforeValidator(birth_date),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["1985-03-14"]}),
]
