"""Reads the Receita's pages: bytes in, `Company` out, no network.

A page is a certificate, a QSA page, or says why it is neither. Values are found by their labels,
never by position. A label is compared whole, since NÚMERO also begins NÚMERO DE INSCRIÇÃO.
"""

from worker.sources import certificate, fields, labels, markup, qsa_page
from worker.sources.company import Company
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    SourceError,
    Unavailable,
    WrongCompany,
)

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
_FOLDED_MESSAGES = [(labels.folded(message), error) for message, error in MESSAGES]


def parse(page: bytes, cnpj: str = "") -> Company:
    """Return the company that a certificate or a QSA page shows.

    `cnpj` is the one asked for, 14 characters; `""` takes whichever the page shows. A QSA page
    gives the partners, the capital, the name and the CNPJ, and nothing else.

    Raises WrongCompany for a page about another CNPJ; NotFound, InvalidCnpj, Captcha or
    Unavailable for a page that says so; LayoutChanged, naming what is missing, for any other.
    """
    company = _read(page, cnpj)
    if cnpj and company.cnpj != cnpj:
        raise WrongCompany
    return company


def parse_certificate(page: bytes, cnpj: str = "") -> Company:
    """Return the company that a certificate shows, as `parse` does; refuse a QSA page."""
    company = parse(page, cnpj)
    if not company.situacao_cadastral:
        raise LayoutChanged(certificate.REQUIRED)
    return company


def _read(page: bytes, cnpj: str) -> Company:
    root = markup.tree(page)
    if root is None:
        raise LayoutChanged(certificate.REQUIRED)
    card = certificate.read(root)
    if certificate.NUMBER in card:
        return certificate.company(card)
    texts = markup.visible_texts(root)
    entries = qsa_page.read(texts)
    if any(label == qsa_page.CAPITAL for label, _ in entries):
        return qsa_page.company(entries)
    raise _refusal(" ".join(texts), card, cnpj)


def _refusal(text: str, card: dict[str, list[str]], cnpj: str) -> SourceError:
    """Return what a page that shows no company says."""
    lost, plain = labels.folded(text)
    said = (
        error
        for (lost_message, plain_message), error in _FOLDED_MESSAGES
        if lost_message in lost or plain_message in plain
    )
    error = next(said, None)
    if error is None:
        return LayoutChanged(tuple(label for label in certificate.REQUIRED if label not in card))
    shown = fields.shown_cnpj(text.partition("CNPJ :")[2])
    if error is NotFound and cnpj and shown and shown != cnpj:
        return WrongCompany()
    return error()
