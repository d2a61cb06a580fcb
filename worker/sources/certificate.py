"""Reads the card of the certificate: the values of cells that bear a known label.

The card is a table within a cell, and one page may repeat it, each time with 20 more secondary
activities; what stands only on the first is then kept and the activities are joined.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from lxml import etree

from worker.sources import fields, labels
from worker.sources.company import Company
from worker.sources.errors import LayoutChanged, WrongCompany

NUMBER = "NÚMERO DE INSCRIÇÃO"
TITLE = "TÍTULO DO ESTABELECIMENTO (NOME DE FANTASIA)"
PRINCIPAL = "CÓDIGO E DESCRIÇÃO DA ATIVIDADE ECONÔMICA PRINCIPAL"
SECONDARY = "CÓDIGO E DESCRIÇÃO DAS ATIVIDADES ECONÔMICAS SECUNDÁRIAS"
NAME = "NOME EMPRESARIAL"
STATUS = "SITUAÇÃO CADASTRAL"
ISSUED = "EMITIDO NO DIA"

# Every certificate since the first known layout prints these, closed companies' too.
REQUIRED = (
    NUMBER,
    "DATA DE ABERTURA",
    NAME,
    TITLE,
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
ON_FIRST_CARD = (TITLE, PRINCIPAL)
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

# It stands between the number and the next label, and is neither.
HEADING = "COMPROVANTE DE INSCRIÇÃO E DE SITUAÇÃO CADASTRAL"

_INDEX = labels.index((*REQUIRED, *OPTIONAL, *ALIASES))
_PRINTED_INDEX = _INDEX | labels.index((HEADING,))
_LONGEST_LABEL = 400  # with the spaces that pages put around it
_LONGEST_SHARED = 400
_NEXT_ACTIVITY = re.compile(r"(?=[0-9]{2}\.[0-9]{2}-[0-9]-[0-9]{2} - )")


def _remembered(form: Callable[[str], str]) -> Callable[[str], str]:
    """Return a function of `fields` that remembers texts which many companies share."""
    known = lru_cache(maxsize=2048)(form)
    return lambda text: (known if len(text) < _LONGEST_SHARED else form)(text)


# There are some 1,300 activities, 90 legal natures, and a handful of the others.
_activity = _remembered(fields.activity_line)
_legal_nature = _remembered(fields.legal_nature)
_size = _remembered(fields.size)
_status = _remembered(fields.status)


def read(root: etree._Element) -> dict[str, list[str]]:
    """Return the value of each cell that bears a label, by label."""
    card: dict[str, list[str]] = {}
    values, first_before, whole_before = [""], "", ""
    for cell in root.iter("td"):
        first = _first_text(cell)
        label = _label(first) if len(first) < _LONGEST_LABEL else ""
        if not label:
            continue
        whole = _text(cell)
        if whole_before.endswith(whole):
            # The page did not close the cell before, so that this one lies within it.
            values[-1] = _value(whole_before.removesuffix(whole).partition(first_before)[2])
        values = card.setdefault(label, [])
        values.append(_value(whole.partition(first)[2]))
        first_before, whole_before = first, whole
    return card


def _text(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode", method="text", with_tail=False)


def read_printed(texts: list[str]) -> dict[str, list[str]]:
    """Return what stands between one label and the next, by label, of a page without cells.

    `texts` are its visible texts in order. It is empty unless a number follows its label.
    """
    card: dict[str, list[str]] = {}
    label, parts = "", list[str]()
    for text in (*texts, HEADING):
        found = labels.find(text, _PRINTED_INDEX) if len(text) < _LONGEST_LABEL else ""
        if not found:
            parts.append(text)
            continue
        if label:
            card.setdefault(label, []).append(_value(" ".join(parts)))
        label, parts = ALIASES.get(found, found), []
    return card if fields.shown_cnpj(next(iter(card.get(NUMBER, ())), "")) else {}


@lru_cache(maxsize=512)
def _label(text: str) -> str:
    label = labels.find(text, _INDEX)
    return ALIASES.get(label, label)


def _first_text(cell: etree._Element) -> str:
    """Return the first text of a cell; of one that begins with another cell there is none."""
    text = cell.text
    if text and not text.isspace():
        return text
    # The card is a table within a cell: innermost cells hold a label and its value.
    for element in cell.iterdescendants():
        if element.tag == "td":
            return ""
        text = element.text
        if text and not text.isspace():
            return text
        tail = None if len(element) else element.tail
        if tail and not tail.isspace():
            return tail
    return ""


def _value(text: str) -> str:
    return fields.text(text.lstrip().removeprefix("(*)"))


def company(card: dict[str, list[str]]) -> Company:
    """Return the company of a card that has a number.

    Raises WrongCompany for cards of several companies, LayoutChanged for an incomplete one.
    """

    def value(label: str) -> str:
        return next(filter(None, card.get(label, ())), "")

    numbers = {fields.shown_cnpj(found) for found in card[NUMBER]}
    if len(numbers) > 1:
        raise WrongCompany
    found = Company(
        cnpj=numbers.pop(),
        matriz_filial=fields.head_or_branch(value(NUMBER)[-len("MATRIZ") :]),
        data_abertura=fields.date(value("DATA DE ABERTURA")),
        nome_empresarial=value(NAME),
        nome_fantasia=value(TITLE),
        porte=_size(value("PORTE")),
        atividade_principal=_activity(value(PRINCIPAL)),
        atividades_secundarias=fields.activities(_activity_lines(card.get(SECONDARY, ()))),
        natureza_juridica=_legal_nature(value("CÓDIGO E DESCRIÇÃO DA NATUREZA JURÍDICA")),
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
        situacao_cadastral=_status(value(STATUS)),
        data_situacao_cadastral=fields.date(value("DATA DA SITUAÇÃO CADASTRAL")),
        motivo_situacao_cadastral=value("MOTIVO DE SITUAÇÃO CADASTRAL"),
        situacao_especial=value("SITUAÇÃO ESPECIAL"),
        data_situacao_especial=fields.date(value("DATA DA SITUAÇÃO ESPECIAL")),
        data_da_base=fields.date(value(ISSUED)),
    )
    _demand_complete(card, found)
    return found


def _demand_complete(card: dict[str, list[str]], found: Company) -> None:
    """Raise LayoutChanged unless each card has its labels and the essential ones have values."""
    essential = {
        NUMBER: found.cnpj,
        NAME: found.nome_empresarial,
        STATUS: found.situacao_cadastral,
    }
    cards = len(card[NUMBER])
    missing = tuple(
        label
        for label in REQUIRED
        if len(card.get(label, ())) < (1 if label in ON_FIRST_CARD else cards)
        or not essential.get(label, True)
    )
    if missing:
        raise LayoutChanged(missing)


def _activity_lines(cells: Iterable[str]) -> Iterator[str]:
    for cell in cells:
        yield from map(_activity, _NEXT_ACTIVITY.split(cell))
