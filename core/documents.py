"""CPF and CNPJ, the registration numbers of Brazilian people and companies.

A CNPJ may hold letters since July 2026 (IN RFB 2.229/2024): 12 alphanumeric characters and 2
numeric check digits. python-stdnum knows both forms.
"""

import re
from functools import lru_cache

from stdnum.br import cnpj as stdnum_cnpj
from stdnum.br import cpf as stdnum_cpf
from stdnum.exceptions import InvalidChecksum, ValidationError

CNPJ_LENGTH = 14
CPF_LENGTH = 11

_PUNCTUATION = str.maketrans("", "", "./- \t")
_ALLOWED = re.compile(r"[0-9A-Za-z./\- \t]{1,32}", re.ASCII)


class InvalidDocumentError(ValueError):
    """The text is no valid CPF or CNPJ; the message tells the user why, in Portuguese."""


def parse_cnpj(text: str) -> str:
    """Return the 14 upper-case characters of a CNPJ typed with or without punctuation.

    Raises InvalidDocumentError for a wrong length, a wrong character or a wrong check digit.
    """
    compact = _compact(text, "CNPJ")
    if len(compact) != CNPJ_LENGTH:
        raise InvalidDocumentError(
            f"Um CNPJ tem {CNPJ_LENGTH} caracteres (sem contar a pontuação); foram informados "
            f"{len(compact)}."
        )
    _check_cnpj(compact)
    return compact


# The same companies are consulted again and again.
@lru_cache(maxsize=10_000)
def _check_cnpj(compact: str) -> None:
    _validate(stdnum_cnpj, compact, "CNPJ")


def parse_cpf(text: str) -> str:
    """Return the 11 digits of a CPF typed with or without punctuation.

    Raises InvalidDocumentError for a wrong length, a wrong character or a wrong check digit.
    """
    compact = _compact(text, "CPF")
    if len(compact) != CPF_LENGTH:
        raise InvalidDocumentError(
            f"Um CPF tem {CPF_LENGTH} dígitos (sem contar a pontuação); foram informados "
            f"{len(compact)}."
        )
    _validate(stdnum_cpf, compact, "CPF")
    # Their check digits match, yet the Receita gives none of them to anybody.
    if len(set(compact)) == 1:
        raise InvalidDocumentError("CPF inválido: confira o número digitado.")
    return compact


def parse_cpf_cnpj(text: str) -> str:
    """Return the characters of a CPF (11) or a CNPJ (14); raises InvalidDocumentError."""
    if len(_compact(text, "CPF ou CNPJ")) == CPF_LENGTH:
        return parse_cpf(text)
    return parse_cnpj(text)


def format_cnpj(cnpj: str) -> str:
    """Return a 14-character CNPJ with its punctuation, such as `12.ABC.345/01DE-35`."""
    return f"{cnpj[:2]}.{cnpj[2:5]}.{cnpj[5:8]}/{cnpj[8:12]}-{cnpj[12:]}"


def has_letters(cnpj: str) -> bool:
    """Tell whether a CNPJ is of the alphanumeric form."""
    return not cnpj.isdigit()


def _compact(text: str, kind: str) -> str:
    stripped = text.strip()
    if not _ALLOWED.fullmatch(stripped):
        raise InvalidDocumentError(f"{kind} inválido: use apenas letras, dígitos e pontuação.")
    return stripped.translate(_PUNCTUATION).upper()


def _validate(kind: object, compact: str, name: str) -> None:
    try:
        kind.validate(compact)  # type: ignore[attr-defined]
    except InvalidChecksum as exc:
        raise InvalidDocumentError(
            f"{name} inválido: os dígitos verificadores não conferem."
        ) from exc
    except ValidationError as exc:
        raise InvalidDocumentError(f"{name} inválido: confira o número digitado.") from exc
