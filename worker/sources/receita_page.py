"""Reads the Receita's certificate and QSA pages: bytes in, `Company` out, no network.

Values are found by their labels, never by position. A label is compared whole, since NÚMERO is
also the beginning of NÚMERO DE INSCRIÇÃO; every accented letter of it may have been lost on the
way, so each run of such letters counts as one wildcard. The certificate's card may be repeated in
one page, each time with 20 more secondary activities.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from lxml import etree

from worker.sources import fields
from worker.sources.company import Company, Partner
from worker.sources.encoding import to_utf8
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    SourceError,
    Unavailable,
    WrongCompany,
)

MAX_PAGE_BYTES = 2 * 1024 * 1024

NUMBER = "NÚMERO DE INSCRIÇÃO"
PRINCIPAL = "CÓDIGO E DESCRIÇÃO DA ATIVIDADE ECONÔMICA PRINCIPAL"
SECONDARY = "CÓDIGO E DESCRIÇÃO DAS ATIVIDADES ECONÔMICAS SECUNDÁRIAS"
NAME = "NOME EMPRESARIAL"
STATUS = "SITUAÇÃO CADASTRAL"
ISSUED = "EMITIDO NO DIA"
PARTNER = "NOME/NOME EMPRESARIAL"

# Every certificate since the first known layout prints these, closed companies' too.
REQUIRED = (
    NUMBER,
    "DATA DE ABERTURA",
    NAME,
    "TÍTULO DO ESTABELECIMENTO (NOME DE FANTASIA)",
    PRINCIPAL,
    SECONDARY,
    "CÓDIGO E DESCRIÇÃO DA NATUREZA JURÍDICA",
    "LOGRADOURO",
    "NÚMERO",
    "COMPLEMENTO",
    "CEP",
    "BAIRRO/DISTRITO",
    "MUNICÍPIO",
    "UF",
    STATUS,
    "DATA DA SITUAÇÃO CADASTRAL",
    "MOTIVO DE SITUAÇÃO CADASTRAL",
    "SITUAÇÃO ESPECIAL",
    "DATA DA SITUAÇÃO ESPECIAL",
)
OPTIONAL = (
    "PORTE",
    "ENDEREÇO ELETRÔNICO",
    "TELEFONE",
    "ENTE FEDERATIVO RESPONSÁVEL (EFR)",
    ISSUED,
)
ALIASES = {
    "DATA DE CONSTITUIÇÃO": "DATA DE ABERTURA",
    "MOTIVO DA SITUAÇÃO CADASTRAL": "MOTIVO DE SITUAÇÃO CADASTRAL",
}
QSA_LABELS = ("CNPJ", NAME, "CAPITAL SOCIAL", PARTNER, "QUALIFICAÇÃO", ISSUED)

# What a page that is no certificate says, in the order in which it counts.
MESSAGES: tuple[tuple[str, type[SourceError]], ...] = (
    ("NÃO EXISTE NO CADASTRO DE PESSOAS JURÍDICAS", NotFound),
    ("NÚMERO DO CNPJ NÃO É VÁLIDO", InvalidCnpj),
    ("NÃO PODEMOS ATENDER A SUA SOLICITAÇÃO", Unavailable),
    ("TENTE MAIS TARDE", Unavailable),
    ("CAPTCHA", Captcha),
    ("CARACTERES ANTI ROBÔ", Captcha),
    ("DIGITOU OS CARACTERES FORNECIDOS NA IMAGEM", Captcha),
    ("DIGITE O NÚMERO DE CNPJ DA EMPRESA", Captcha),
)

_LONGEST_LABEL = 400  # with the spaces that pages put around it
_LONGEST_ACTIVITY = 400
_LOST = re.compile(r"[^\x00-\x7f]+|\?+")
_CNPJ = re.compile(r"[0-9A-Z]{2}\.?[0-9A-Z]{3}\.?[0-9A-Z]{3}/?[0-9A-Z]{4}-?[0-9]{2}")
_NEXT_ACTIVITY = re.compile(r"(?=[0-9]{2}\.[0-9]{2}-[0-9]-[0-9]{2} - )")
_VISIBLE_TEXT = etree.XPath(
    "//text()[normalize-space() and not(parent::script or parent::style or parent::noscript)]",
    smart_strings=False,
)


def parse(page: bytes, cnpj: str = "") -> Company:
    """Return the company that a certificate or a QSA page shows.

    `cnpj` is the one asked for, 14 characters; `""` takes whichever the page shows. A QSA page
    gives the partners, the capital, the name and the CNPJ, and nothing else.

    Raises WrongCompany for a page about another CNPJ; NotFound, InvalidCnpj, Captcha or
    Unavailable for a page that says so; LayoutChanged, naming what is missing, for any other.
    """
    company = _read(_tree(page), cnpj)
    if cnpj and company.cnpj != cnpj:
        raise WrongCompany
    return company


def parse_certificate(page: bytes, cnpj: str = "") -> Company:
    """Return the company that a certificate shows, as `parse` does; refuse a QSA page."""
    company = parse(page, cnpj)
    if not company.situacao_cadastral:
        raise LayoutChanged(REQUIRED)
    return company


def _tree(page: bytes) -> etree._Element:
    if len(page) > MAX_PAGE_BYTES:
        raise Unavailable(reason="A resposta da fonte é grande demais.")
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False
    )
    try:
        root = etree.fromstring(to_utf8(page), parser)
    except etree.LxmlError as exc:
        raise LayoutChanged(REQUIRED) from exc
    if root is None:
        raise LayoutChanged(REQUIRED)
    return root


def _wild(text: str) -> str:
    """Return the text in capitals, spaces collapsed, each run of accented letters one `?`."""
    return _LOST.sub("?", " ".join(text.split()).upper())


def _index(labels: Iterable[str]) -> dict[str, str]:
    """Return the spellings in which a label may be met: whole, with letters lost, unaccented."""
    return {
        spelling: ALIASES.get(label, label)
        for label in labels
        for spelling in (label, _wild(label), fields.plain(label))
    }


_CARD_INDEX = _index((*REQUIRED, *OPTIONAL, *ALIASES))
_QSA_INDEX = _index(QSA_LABELS)


def _label(text: str, index: dict[str, str]) -> str:
    """Return the label that the text is, as the registry spells it, or `""`."""
    clean = " ".join(text.split()).upper().removesuffix(" (*)").removesuffix(":").rstrip()
    return index.get(clean) or index.get(_wild(clean), "")


@lru_cache(maxsize=512)
def _card_label(text: str) -> str:
    return _label(text, _CARD_INDEX)


def _read(root: etree._Element, cnpj: str) -> Company:
    card = _card(root)
    if NUMBER in card:
        return _certificate(card)
    texts: list[str] = _VISIBLE_TEXT(root)
    pairs = list(_qsa_pairs(texts))
    if "CAPITAL SOCIAL" in dict(pairs):
        return _qsa(pairs)
    raise _refusal(" ".join(texts), card, cnpj)


def _card(root: etree._Element) -> dict[str, list[str]]:
    """Return the value of each cell that bears a label, by label."""
    card: dict[str, list[str]] = {}
    for cell in root.iter("td"):
        first = _first_text(cell)
        label = _card_label(first) if len(first) < _LONGEST_LABEL else ""
        # The card is a table within a cell: only innermost cells hold a label and its value.
        if label and next(cell.iterdescendants("td"), None) is None:
            whole = etree.tostring(cell, encoding="unicode", method="text", with_tail=False)
            card.setdefault(label, []).append(_value(whole.partition(first)[2]))
    return card


def _first_text(cell: etree._Element) -> str:
    for element in cell.iter():
        text = element.text
        if text and not text.isspace():
            return text
        tail = None if len(element) or element is cell else element.tail
        if tail and not tail.isspace():
            return tail
    return ""


def _value(text: str) -> str:
    return fields.text(text.lstrip().removeprefix("(*)"))


def _certificate(card: dict[str, list[str]]) -> Company:
    def value(label: str) -> str:
        return next(filter(None, card.get(label, ())), "")

    numbers = {_shown_cnpj(found) for found in card[NUMBER]}
    if len(numbers) > 1:
        raise WrongCompany
    company = Company(
        cnpj=numbers.pop(),
        matriz_filial=fields.head_or_branch(value(NUMBER)[-len("MATRIZ") :]),
        data_abertura=fields.date(value("DATA DE ABERTURA")),
        nome_empresarial=value(NAME),
        nome_fantasia=value("TÍTULO DO ESTABELECIMENTO (NOME DE FANTASIA)"),
        porte=fields.size(value("PORTE")),
        atividade_principal=fields.activity_line(value(PRINCIPAL)),
        atividades_secundarias=fields.activities(_activity_lines(card.get(SECONDARY, ()))),
        natureza_juridica=fields.legal_nature(value("CÓDIGO E DESCRIÇÃO DA NATUREZA JURÍDICA")),
        logradouro=value("LOGRADOURO"),
        numero=value("NÚMERO"),
        complemento=value("COMPLEMENTO"),
        cep=fields.postal_code(value("CEP")),
        bairro=value("BAIRRO/DISTRITO"),
        municipio=value("MUNICÍPIO"),
        uf=fields.state(value("UF")),
        email=fields.email(value("ENDEREÇO ELETRÔNICO")),
        telefone=fields.phones(value("TELEFONE")),
        efr=value("ENTE FEDERATIVO RESPONSÁVEL (EFR)"),
        situacao_cadastral=fields.status(value(STATUS)),
        data_situacao_cadastral=fields.date(value("DATA DA SITUAÇÃO CADASTRAL")),
        motivo_situacao_cadastral=value("MOTIVO DE SITUAÇÃO CADASTRAL"),
        situacao_especial=value("SITUAÇÃO ESPECIAL"),
        data_situacao_especial=fields.date(value("DATA DA SITUAÇÃO ESPECIAL")),
        data_da_base=fields.date(value(ISSUED)),
    )
    _demand_complete(card, company)
    return company


def _demand_complete(card: dict[str, list[str]], company: Company) -> None:
    """Raise LayoutChanged unless all required labels are there and the essential have values."""
    essential = {
        NUMBER: company.cnpj,
        NAME: company.nome_empresarial,
        STATUS: company.situacao_cadastral,
    }
    missing = tuple(
        label for label in REQUIRED if label not in card or not essential.get(label, True)
    )
    if missing:
        raise LayoutChanged(missing)


def _shown_cnpj(text: str) -> str:
    match = _CNPJ.match(text.replace(" ", "").upper())
    return fields.cnpj(match[0]) if match else ""


def _activity_lines(cells: Iterable[str]) -> Iterator[str]:
    for cell in cells:
        for line in _NEXT_ACTIVITY.split(cell):
            yield _activity(line) if len(line) < _LONGEST_ACTIVITY else fields.activity_line(line)


@lru_cache(maxsize=2048)
def _activity(line: str) -> str:
    # There are some 1,300 activities, and companies share them.
    return fields.activity_line(line)


def _qsa_pairs(texts: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the label and the value of each entry of a QSA page, in order."""
    for text, following in zip(texts, [*texts[1:], ""], strict=True):
        head, colon, rest = text.partition(":")
        label = _label(head, _QSA_INDEX)
        if label and (colon or label == ISSUED):
            next_is_label = ":" in following and _label(following, _QSA_INDEX)
            yield label, fields.text(rest) or ("" if next_is_label else fields.text(following))


def _qsa(pairs: list[tuple[str, str]]) -> Company:
    partners: list[Partner] = []
    values: dict[str, str] = {}
    for label, value in pairs:
        if label == PARTNER:
            partners.append(Partner(value))
        elif label == "QUALIFICAÇÃO" and partners:
            partners[-1] = Partner(partners[-1].nome, value)
        else:
            values.setdefault(label, value)
    cnpj, name = _shown_cnpj(values.get("CNPJ", "")), values.get(NAME, "")
    if not cnpj or not name:
        raise LayoutChanged(tuple(label for label, v in (("CNPJ", cnpj), (NAME, name)) if not v))
    return Company(
        cnpj=cnpj,
        nome_empresarial=name,
        quadro_societario=fields.partners(partners),
        capital_social=fields.amount(values["CAPITAL SOCIAL"]),
        data_da_base=fields.date(values.get(ISSUED, "")),
    )


def _refusal(text: str, card: dict[str, list[str]], cnpj: str) -> SourceError:
    """Return what a page that shows no company says."""
    wild, plain = _wild(text), fields.plain(text)
    for message, error in MESSAGES:
        if _wild(message) in wild or fields.plain(message) in plain:
            shown = _CNPJ.search(plain)
            about_another = cnpj and shown and fields.cnpj(shown[0]) != cnpj
            return WrongCompany() if error is NotFound and about_another else error()
    return LayoutChanged(tuple(label for label in REQUIRED if label not in card))
