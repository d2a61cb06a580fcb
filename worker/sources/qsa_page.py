"""Reads the QSA page: a company's partners and capital. Labels end in a colon, a value follows."""

from collections.abc import Iterator
from itertools import zip_longest

from worker.sources import fields, labels
from worker.sources.company import Company, Partner
from worker.sources.errors import LayoutChanged

NAME = "NOME EMPRESARIAL"
CAPITAL = "CAPITAL SOCIAL"
PARTNER = "NOME/NOME EMPRESARIAL"
ROLE = "QUALIFICAÇÃO"
ISSUED = "EMITIDO NO DIA"
# A foreign partner's and a represented one's; they end what stands before them.
OF_PARTNER = ("PAÍS DE ORIGEM", "NOME DO REPRES. LEGAL", "QUALIF. REP. LEGAL")
_INDEX = labels.index(("CNPJ", NAME, CAPITAL, PARTNER, ROLE, *OF_PARTNER, ISSUED))


def read(texts: list[str]) -> list[tuple[str, str]]:
    """Return the label and the value of each entry of a page's texts, in order."""
    return list(_entries(texts))


def _entries(texts: list[str]) -> Iterator[tuple[str, str]]:
    for text, following in zip_longest(texts, texts[1:], fillvalue=""):
        head, colon, rest = text.partition(":")
        label = labels.find(head, _INDEX)
        if label and (colon or label == ISSUED):
            next_is_label = ":" in following and labels.find(following, _INDEX)
            yield label, fields.text(rest) or ("" if next_is_label else fields.text(following))


def is_shown(entries: list[tuple[str, str]]) -> bool:
    """Tell whether a page that has these entries is a QSA page."""
    return any(label in {CAPITAL, PARTNER} for label, _ in entries)


def company(entries: list[tuple[str, str]]) -> Company:
    """Return the company of a QSA page's entries; raises LayoutChanged for an incomplete one."""
    partners: list[Partner] = []
    values: dict[str, str] = {}
    for label, value in entries:
        if label == PARTNER:
            partners.append(Partner(value))
        elif label == ROLE and partners:
            partners[-1] = Partner(partners[-1].nome, value)
        else:
            values.setdefault(label, value)
    cnpj, name = fields.shown_cnpj(values.get("CNPJ", "")), values.get(NAME, "")
    if not cnpj or not name:
        raise LayoutChanged(tuple(label for label, v in (("CNPJ", cnpj), (NAME, name)) if not v))
    return Company(
        cnpj=cnpj,
        nome_empresarial=name,
        quadro_societario=fields.partners(partners),
        capital_social=fields.amount(values.get(CAPITAL)),
        data_da_base=fields.date(values.get(ISSUED, "")),
    )
