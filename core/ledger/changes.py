"""What changed of a company between two results, by meaning, and how much it matters.

Compared is what is said, not how: order of lists, case, accents, spacing, codes before the role of
a partner, words beside the code of an activity and the writing of a number are no news. Nor is
what a source hides behind asterisks, nor that it says nothing in other words (`SEM MOTIVO`); a
character that was lost on the way (U+FFFD) or hidden (`*`) may have been any.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

SEVERITIES: dict[str, tuple[str, ...]] = {
    "critical": ("situacao_cadastral", "situacao_especial"),
    "high": ("nome_empresarial", "quadro_societario"),
    "medium": (
        "data_situacao_cadastral",
        "motivo_situacao_cadastral",
        "data_situacao_especial",
        "natureza_juridica",
        "porte",
        "capital_social",
        "atividade_principal",
        "atividades_secundarias",
        "logradouro",
        "numero",
        "complemento",
        "cep",
        "bairro",
        "municipio",
        "uf",
        "matriz_filial",
        "data_abertura",
    ),
    "low": ("nome_fantasia", "email", "telefone", "efr"),
}
TRACKED = tuple(field for fields in SEVERITIES.values() for field in fields)

# What all sources say in the same words, so that results of two of them can be compared.
_COMPARABLE = frozenset(
    {
        "matriz_filial",
        "data_abertura",
        "nome_empresarial",
        "porte",
        "cep",
        "uf",
        "situacao_cadastral",
        "data_situacao_cadastral",
        "capital_social",
        "quadro_societario",
    }
)
# Longer lists are compared to the letter: each entry with each other would take too long.
MOST_DOUBTFUL = 500
_NOTHING_SAID = frozenset({"", "sem motivo"})
_WILD = frozenset("\ufffd*")
_ROLE_CODE = re.compile(r"[0-9]+\s*-\s*")
_CODE = {
    "atividade_principal": re.compile(r"[0-9]{2}\.[0-9]{2}-[0-9]-[0-9]{2}"),
    "atividades_secundarias": re.compile(r"[0-9]{2}\.[0-9]{2}-[0-9]-[0-9]{2}"),
    "natureza_juridica": re.compile(r"[0-9]{3}-[0-9]"),
}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what changed from one result of a company to a later one, most severe first.

    Both hold the fields of a result, `source` among them. A change has `field`, `severity` (a key
    of SEVERITIES) and the values `before` and `after` as the results have them. Between two
    sources only what all of them say alike is compared, and of partners the names: one that says
    less than another is no change.
    """
    same_source = before["source"] == after["source"]
    return [
        {"field": field, "severity": severity, "before": before[field], "after": after[field]}
        for severity, fields in SEVERITIES.items()
        for field in fields
        if before[field] != after[field]
        and _is_news(field, before[field], after[field], same_source=same_source)
    ]


def _is_news(field: str, before: Any, after: Any, *, same_source: bool) -> bool:
    if _is_hidden(before) or _is_hidden(after):
        return False
    was = _meaning(field, before, with_roles=same_source)
    now = _meaning(field, after, with_roles=same_source)
    if not same_source and not (field in _COMPARABLE and was and now):
        return False
    return not _are_alike(was, now)


def _is_hidden(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and not value.strip("* ")


def _meaning(field: str, value: Any, *, with_roles: bool) -> frozenset[str]:
    """Return what a value says as a set of words; nothing when it is unknown."""
    if field == "telefone":
        said: Iterable[str] = (re.sub(r"[^0-9*\ufffd]", "", one) for one in value.split("/"))
    elif isinstance(value, list):
        said = (_entry(field, one, with_roles=with_roles) for one in value)
    else:
        said = (_entry(field, value, with_roles=with_roles),)
    return frozenset(said) - _NOTHING_SAID


def _entry(field: str, value: Any, *, with_roles: bool) -> str:
    if isinstance(value, dict):
        role = _ROLE_CODE.sub("", _fold(value.get("qualificacao", "")), count=1)
        name = _fold(value.get("nome", ""))
        return f"{name}\n{role}" if with_roles else name
    folded = _fold(value)
    if field == "capital_social":
        return _number(folded)
    code = _CODE[field].match(folded) if field in _CODE else None
    return code[0] if code else folded


def _fold(value: Any) -> str:
    """Return a text in one case, without accents, each space once."""
    text = str(value or "")
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(
            character for character in decomposed if not unicodedata.combining(character)
        )
    return " ".join(text.casefold().split())


def _number(text: str) -> str:
    try:
        return str(Decimal(text).normalize())
    except InvalidOperation:
        return text


def _are_alike(was: frozenset[str], now: frozenset[str]) -> bool:
    gone, come = was - now, now - was
    doubtful = any(_WILD.intersection(one) for one in gone | come)
    if not doubtful or len(was) + len(now) > MOST_DOUBTFUL:
        return not gone and not come
    return all(any(_may_be(one, other) for other in now) for one in gone) and all(
        any(_may_be(one, other) for other in was) for one in come
    )


def _may_be(one: str, other: str) -> bool:
    return len(one) == len(other) and all(
        a == b or a in _WILD or b in _WILD for a, b in zip(one, other, strict=True)
    )
