"""How a company's card is laid out, on the page and in the PDF: as the official certificate is.

The layout is that of the "Comprovante de Inscrição e de Situação Cadastral" of the Receita Federal.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core import words

COLUMNS = 12
UNKNOWN = "—"


@dataclass(frozen=True)
class Cell:
    """A labelled box; `width` is in twelfths of the card."""

    field: str
    label: str
    width: int


ROWS: tuple[tuple[Cell, ...], ...] = (
    (
        Cell("cnpj", "Número de inscrição", 4),
        Cell("matriz_filial", "Matriz ou filial", 3),
        Cell("data_abertura", "Data de abertura", 3),
        Cell("porte", "Porte", 2),
    ),
    (Cell("nome_empresarial", "Nome empresarial", 12),),
    (Cell("nome_fantasia", "Título do estabelecimento (nome de fantasia)", 12),),
    (Cell("atividade_principal", "Atividade econômica principal", 12),),
    (Cell("atividades_secundarias", "Atividades econômicas secundárias", 12),),
    (
        Cell("natureza_juridica", "Natureza jurídica", 8),
        Cell("capital_social", "Capital social", 4),
    ),
    (
        Cell("logradouro", "Logradouro", 6),
        Cell("numero", "Número", 2),
        Cell("complemento", "Complemento", 4),
    ),
    (
        Cell("cep", "CEP", 3),
        Cell("bairro", "Bairro ou distrito", 3),
        Cell("municipio", "Município", 5),
        Cell("uf", "UF", 1),
    ),
    (
        Cell("email", "Endereço eletrônico", 7),
        Cell("telefone", "Telefone", 5),
    ),
    (Cell("efr", "Ente federativo responsável (EFR)", 12),),
    (
        Cell("situacao_cadastral", "Situação cadastral", 6),
        Cell("data_situacao_cadastral", "Data da situação cadastral", 6),
    ),
    (Cell("motivo_situacao_cadastral", "Motivo da situação cadastral", 12),),
    (
        Cell("situacao_especial", "Situação especial", 6),
        Cell("data_situacao_especial", "Data da situação especial", 6),
    ),
    (Cell("quadro_societario", "Sócios e administradores", 12),),
)

_WRITTEN: dict[str, Callable[[str], str]] = {
    "cnpj": words.document,
    "data_abertura": words.day,
    "data_situacao_cadastral": words.day,
    "data_situacao_especial": words.day,
    "situacao_cadastral": lambda code: words.situation(code)[0],
    "capital_social": words.money,
}


@dataclass(frozen=True)
class Difference:
    """A field that is not as it was, with the lines that went and those that came."""

    label: str
    before: list[str]
    after: list[str]


def lines(field: str, value: Any) -> list[str]:
    """Return a field's value as the lines to show; none when it is unknown."""
    values = value if isinstance(value, list) else [value]
    return [line for line in (_line(field, one) for one in values) if line]


def differences(changes: list[dict[str, Any]]) -> list[Difference]:
    """Return the `changes` of a result in words; of lists only what came and what went."""
    return [_difference(change) for change in changes]


def _difference(change: dict[str, Any]) -> Difference:
    field = change["field"]
    before, after = lines(field, change.get("before")), lines(field, change.get("after"))
    return Difference(
        words.FIELDS.get(field, field),
        [line for line in before if line not in after],
        [line for line in after if line not in before],
    )


def _line(field: str, value: Any) -> str:
    if isinstance(value, dict):
        # The registry writes the role with its code: `49-Sócio-Administrador`.
        role = re.sub(r"^\d+\s*-\s*", "", str(value.get("qualificacao", "")))
        return " · ".join(part for part in (str(value.get("nome", "")), role) if part)
    text = "" if value is None else str(value)
    return _WRITTEN.get(field, str)(text)
