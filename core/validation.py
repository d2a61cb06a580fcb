"""What a refused payload is told, field by field, in Portuguese."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

WHOLE_PAYLOAD = "_schema"

_MESSAGES: dict[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "Campo obrigatório.",
    "extra_forbidden": lambda _: "Campo desconhecido.",
    "string_type": lambda _: "Deve ser um texto.",
    "string_too_short": lambda c: f"Deve ter pelo menos {c['min_length']} caractere(s).",
    "string_too_long": lambda c: f"Deve ter no máximo {c['max_length']} caracteres.",
    "int_type": lambda _: "Deve ser um número inteiro.",
    "int_parsing": lambda _: "Deve ser um número inteiro.",
    "int_parsing_size": lambda _: "O número é grande demais.",
    "int_from_float": lambda _: "Deve ser um número inteiro.",
    "bool_type": lambda _: "Deve ser verdadeiro ou falso.",
    "bool_parsing": lambda _: "Deve ser verdadeiro ou falso.",
    "greater_than_equal": lambda c: f"Deve ser no mínimo {c['ge']}.",
    "less_than_equal": lambda c: f"Deve ser no máximo {c['le']}.",
    "date_from_datetime_parsing": lambda _: "Data inválida: use AAAA-MM-DD.",
    "date_from_datetime_inexact": lambda _: "Data inválida: use AAAA-MM-DD, sem hora.",
    "date_parsing": lambda _: "Data inválida: use AAAA-MM-DD.",
    "date_type": lambda _: "Data inválida: use AAAA-MM-DD.",
    "datetime_parsing": lambda _: "Data inválida: use AAAA-MM-DDThh:mm.",
    "datetime_from_date_parsing": lambda _: "Data inválida: use AAAA-MM-DDThh:mm.",
    "datetime_type": lambda _: "Data inválida: use AAAA-MM-DDThh:mm.",
    "model_type": lambda _: "Deve ser um objeto JSON.",
    "dict_type": lambda _: "Deve ser um objeto JSON.",
    "enum": lambda c: _one_of(c["expected"]),
    "literal_error": lambda c: _one_of(c["expected"]),
    # Ours carry their sentence; the one of pydantic that does not is that of its e-mail type.
    "value_error": lambda c: str(c.get("error", "E-mail inválido.")),
}


def field_errors(error: ValidationError) -> dict[str, list[str]]:
    """Return `{field: [messages]}` for a pydantic error.

    A validator of ours raises ValueError with the Portuguese sentence as its text. What concerns
    no single field is listed under `_schema`.
    """
    result: dict[str, list[str]] = {}
    for problem in error.errors(include_url=False, include_input=False):
        field = ".".join(str(part) for part in problem["loc"]) or WHOLE_PAYLOAD
        result.setdefault(field, []).append(_message(problem["type"], problem.get("ctx", {})))
    return result


def _one_of(expected: str) -> str:
    choices = expected.replace("' or '", "' ou '")
    return f"Deve ser um destes: {choices}."


def _message(kind: str, context: dict[str, Any]) -> str:
    translate = _MESSAGES.get(kind)
    return translate(context) if translate else "Valor inválido."
