"""What the rows of an uploaded table say: jobs to make, and why some are none."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from agendador.schemas import JobIn
from agendador.tables import TableError
from core.clock import SAO_PAULO
from core.documents import CNPJ_LENGTH, InvalidDocumentError, format_cnpj, parse_cnpj
from core.validation import field_errors

# How each field's column may be called, in lower case and without accents.
_NAMES = {
    "cpf_cnpj": ("cnpj", "cpf_cnpj", "cpf/cnpj", "cnpj/cpf", "documento"),
    "title": ("title", "titulo", "nome", "empresa", "razao social", "nome empresarial"),
    "description": ("description", "descricao", "observacao", "observacoes"),
    "date": ("date", "data", "quando"),
    "priority": ("priority", "prioridade"),
    "recurrence": ("recurrence", "recorrencia", "repeticao", "rrule"),
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names}
_ACCENTS = str.maketrans("áàâãéêíóôõúç", "aaaaeeiooouc")
_DIGITS = re.compile(r"[0-9./\- ]+", re.ASCII)
_SCIENTIFIC = re.compile(r"[0-9]+([.,][0-9]+)?E\+[0-9]+", re.ASCII | re.IGNORECASE)
_BRAZILIAN_DATE = re.compile(r"(\d{2})/(\d{2})/(\d{4})(?:[ T](\d{2}:\d{2}(?::\d{2})?))?", re.ASCII)
MIN_DIGITS = 3
LOST_DIGITS = "O Excel mostrou o CNPJ como número e perdeu dígitos: formate a coluna como texto."


@dataclass(frozen=True)
class ImportRow:
    """A row of a table: a job to make, or the errors that keep it from being one.

    `number` counts from 1 as a spreadsheet shows it; `key` is the same for the same row.
    """

    number: int
    cpf_cnpj: str
    job: JobIn | None = None
    key: str = ""
    notice: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)


def read_rows(table: list[list[str]], defaults: dict[str, str], now: datetime) -> list[ImportRow]:
    """Return what each row that is not empty says; raises TableError without a CNPJ column.

    The first row may name the columns, in any order; else the first column holds the CNPJ.
    `defaults` are for fields that a row leaves empty; without a date it is `now`.
    """
    columns = _columns(table[0])
    first = 1 if columns else 0
    columns = columns or {"cpf_cnpj": 0}
    return [
        _read_row(number, _cells(cells, columns), defaults, now)
        for number, cells in enumerate(table[first:], start=first + 1)
        if any(cells)
    ]


def _columns(header: list[str]) -> dict[str, int]:
    """Return the column of each field that a header names; nothing when the row is none."""
    found: dict[str, int] = {}
    for place, cell in enumerate(header):
        name = _FIELD_OF.get(cell.lower().translate(_ACCENTS))
        if name is not None:
            found.setdefault(name, place)
    if "cpf_cnpj" in found:
        return found
    if found or not any(character.isdigit() for character in "".join(header[:1])):
        raise TableError("Não há coluna de CNPJ: o cabeçalho deve ter uma coluna chamada cnpj.")
    return {}


def _cells(cells: list[str], columns: dict[str, int]) -> dict[str, str]:
    return {
        name: cells[place] for name, place in columns.items() if place < len(cells) and cells[place]
    }


def _read_row(
    number: int, cells: dict[str, str], defaults: dict[str, str], now: datetime
) -> ImportRow:
    typed = cells.get("cpf_cnpj", "")
    cnpj, notice = _repair(typed)
    values: dict[str, Any] = defaults | cells | {"cpf_cnpj": cnpj}
    values.setdefault("title", _usual_title(cnpj))
    if "date" in values:
        values["date"] = _iso(values["date"])
    key = _key(values, now)
    values.setdefault("date", now.isoformat())
    if _SCIENTIFIC.fullmatch(typed):
        return ImportRow(number, typed, errors={"cpf_cnpj": [LOST_DIGITS]})
    try:
        job = JobIn.model_validate(values)
    except ValidationError as exc:
        return ImportRow(number, typed, errors=field_errors(exc))
    return ImportRow(number, job.cpf_cnpj, job, key, notice)


def _repair(typed: str) -> tuple[str, str]:
    """Return a CNPJ with the leading zeros that a spreadsheet took away, and what to say of it."""
    digits = re.sub(r"[./\- ]", "", typed)
    if not _DIGITS.fullmatch(typed) or not MIN_DIGITS <= len(digits) < CNPJ_LENGTH:
        return typed, ""
    repaired = digits.zfill(CNPJ_LENGTH)
    try:
        return parse_cnpj(repaired), f"Zeros à esquerda repostos: o arquivo dizia {typed}."
    except InvalidDocumentError:
        return typed, ""


def _usual_title(cnpj: str) -> str:
    try:
        return f"Consulta de {format_cnpj(parse_cnpj(cnpj))}"
    except InvalidDocumentError:
        return "Consulta"


def _iso(typed: str) -> str:
    """Return a date as ISO 8601 that may be typed as in Brazil, such as 31/12/2031 09:00."""
    brazilian = _BRAZILIAN_DATE.fullmatch(typed)
    if brazilian is None:
        return typed
    day, month, year, hour = brazilian.groups()
    return f"{year}-{month}-{day}T{hour or '00:00'}"


def _key(values: dict[str, Any], now: datetime) -> str:
    """Return the idempotency key of a row: who sends it again, today if undated, makes nothing."""
    today = f"{now.astimezone(SAO_PAULO):%Y-%m-%d}"
    said = [str(values.get(name, "")) for name in _NAMES if name != "date"]
    text = "\x1f".join([*said, str(values.get("date", today))])
    return f"import:{hashlib.sha256(text.encode(errors='replace')).hexdigest()}"
