"""What a mail tells of a company, and of what changed in it."""

import re
from collections.abc import Iterable
from typing import Any

from core import words
from worker.mails.contexts import Change, Company, Partner, clean
from worker.mails.figures import joined
from worker.mails.letter import Difference, Section, fact, section

LONGEST_LIST = 20

_WRITTEN: dict[str, Any] = {
    "cnpj": words.document,
    "data_abertura": words.day,
    "data_situacao_cadastral": words.day,
    "data_situacao_especial": words.day,
    "situacao_cadastral": lambda code: words.situation(code)[0],
    "porte": lambda code: words.SIZES.get(code, code),
    "matriz_filial": str.capitalize,
    "capital_social": words.money,
}


def sections(company: Company) -> tuple[Section, ...]:
    """Return what is known of a company, by theme; themes without a fact are left out."""
    themes = (
        _registration(company),
        _profile(company),
        _contact(company),
        _owners(company),
    )
    return tuple(theme for theme in themes if theme.facts)


def differences(changes: Iterable[Change]) -> tuple[Difference, ...]:
    """Return the changes in words; of lists only the entries that came and those that went."""
    return tuple(one for one in map(_difference, changes) if one.before != one.after)


def _registration(company: Company) -> Section:
    number = words.document(company.cnpj)
    situation, tone = words.situation(company.situacao_cadastral)
    since = words.day(company.data_situacao_cadastral)
    reason = company.motivo_situacao_cadastral
    special_since = words.day(company.data_situacao_especial)
    return section(
        "Cadastro",
        fact("Nome empresarial", company.nome_empresarial),
        fact("Nome fantasia", company.nome_fantasia),
        fact("CNPJ", joined(" · ", number, _written("matriz_filial", company.matriz_filial))),
        fact(
            "Situação cadastral",
            situation,
            since and f"Desde {since}",
            reason and f"Motivo: {reason}",
            tone=tone if situation else None,
        ),
        fact("Situação especial", joined(" · ", company.situacao_especial, special_since)),
        fact("Abertura", words.day(company.data_abertura)),
    )


def _profile(company: Company) -> Section:
    return section(
        "Perfil",
        fact("Porte", _written("porte", company.porte)),
        fact("Natureza jurídica", company.natureza_juridica),
        fact("Ente federativo responsável", company.efr),
        fact("Atividade principal", company.atividade_principal),
        fact("Atividades secundárias", *_shorten(company.atividades_secundarias)),
        fact("Capital social", words.money(company.capital_social)),
    )


def _contact(company: Company) -> Section:
    street = joined(", ", company.logradouro, company.numero, company.complemento)
    city = joined("/", company.municipio, company.uf)
    cep = company.cep and f"CEP {company.cep}"
    return section(
        "Endereço e contato",
        fact("Endereço", street, joined(" · ", company.bairro, city), cep),
        fact("Telefone", company.telefone),
        fact("E-mail", company.email),
    )


def _owners(company: Company) -> Section:
    owners = company.quadro_societario
    more = len(owners) - LONGEST_LIST
    return section(
        "Sócios e administradores",
        *(fact(_role(one) or "Sócio", one.nome) for one in owners[:LONGEST_LIST]),
        fact("E mais", words.counted(more, "pessoa", "pessoas") if more > 0 else ""),
    )


def _role(partner: Partner) -> str:
    """Return a qualification without the registry's code: `49-Sócio-Administrador`."""
    return re.sub(r"^\d+\s*-\s*", "", partner.qualificacao)


def _difference(change: Change) -> Difference:
    before, after = _lines(change.field, change.before), _lines(change.field, change.after)
    label = words.FIELDS.get(change.field, change.field)
    if isinstance(change.before, list) or isinstance(change.after, list):
        gone = [line for line in before if line not in after]
        come = [line for line in after if line not in before]
        return Difference(label, _shorten(gone), _shorten(come))
    return Difference(label, tuple(before), tuple(after))


def _lines(field: str, value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [line for line in (_line(field, one) for one in values) if line]


def _line(field: str, value: Any) -> str:
    if isinstance(value, dict):
        partner = Partner.model_validate(value)
        return joined(" · ", partner.nome, _role(partner))
    return _written(field, clean("" if value is None else value))


def _written(field: str, text: str) -> str:
    written: str = _WRITTEN.get(field, str)(text)
    return written


def _shorten(lines: list[str]) -> tuple[str, ...]:
    """Return at most LONGEST_LIST lines and how many are left out."""
    left_out = len(lines) - LONGEST_LIST
    if left_out <= 0:
        return tuple(lines)
    return (*lines[:LONGEST_LIST], f"e mais {left_out}")
