"""Reads the Receita's pages: bytes in, `Company` out, no network.

A page is a certificate, a QSA page, or says why it is neither. Values are found by their labels,
never by position. A label is compared whole, since NÚMERO also begins NÚMERO DE INSCRIÇÃO.
"""

from dataclasses import replace

from worker.sources import certificate, fields, labels, markup, qsa_page
from worker.sources.company import Company
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
    WrongCompany,
)

# What a page that is no certificate says, in the order in which it counts.
MESSAGES: tuple[tuple[str, type[SourceError]], ...] = (
    ("NÃO EXISTE NO CADASTRO DE PESSOAS JURÍDICAS", NotFound),
    ("NÚMERO DO CNPJ NÃO É VÁLIDO", InvalidCnpj),
    ("CNPJ INVÁLIDO", InvalidCnpj),
    ("NÃO PODEMOS ATENDER A SUA SOLICITAÇÃO", Unavailable),
    ("TENTE MAIS TARDE", Unavailable),
    ("CAPTCHA", Captcha),
    ("CARACTERES ANTI ROBÔ", Captcha),
    ("DIGITOU OS CARACTERES FORNECIDOS NA IMAGEM", Captcha),
    ("DIGITE O NÚMERO DE CNPJ DA EMPRESA", Captcha),
    ("NÃO SOU UM ROBÔ", Captcha),
    # What stands before the site says in its place: a network that guards it, or a web server.
    ("JUST A MOMENT", Captcha),
    ("CHECKING YOUR BROWSER", Captcha),
    ("VERIFY YOU ARE", Captcha),
    ("ATTENTION REQUIRED", Captcha),
    ("TOO MANY REQUESTS", RateLimited),
    ("BEING RATE LIMITED", RateLimited),
    ("INDISPONÍVEL", Unavailable),
    ("EM MANUTENÇÃO", Unavailable),
    ("SESSÃO EXPIRADA", Unavailable),
    ("SESSÃO EXPIROU", Unavailable),
    ("403 FORBIDDEN", Unavailable),
    ("404 NOT FOUND", Unavailable),
    ("REQUEST REJECTED", Unavailable),
    ("SERVER ERROR", Unavailable),
    ("BAD GATEWAY", Unavailable),
    ("SERVICE UNAVAILABLE", Unavailable),
    ("GATEWAY TIME", Unavailable),
)
_MESSAGES_AS_MET = [(labels.spellings(message), error) for message, error in MESSAGES]
_SHOWS_PARTNERS = b"CAPITAL SOCIAL:"


def parse(page: bytes, cnpj: str = "") -> Company:
    """Return the company that a certificate or a QSA page shows.

    `cnpj` is the one asked for, 14 characters; `""` takes whichever the page shows. A QSA page
    gives the partners, the capital, the name and the CNPJ, and nothing else. A page that shows
    both, as the new site does when both were opened, gives all.

    Raises WrongCompany for a page about another CNPJ; NotFound, InvalidCnpj, Captcha or
    Unavailable for a page that says so; Captcha for one that only a browser shows; LayoutChanged,
    naming what is missing, for any other.
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
    if certificate.NUMBER in card and _SHOWS_PARTNERS not in page:
        return certificate.company(card)
    texts = markup.visible_texts(root)
    entries = qsa_page.read(texts)
    card = card if certificate.NUMBER in card else certificate.read_printed(texts) or card
    if certificate.NUMBER in card:
        return _with_partners(certificate.company(card), entries)
    if qsa_page.is_shown(entries):
        return qsa_page.company(entries)
    error = _refusal(" ".join(texts), card, cnpj)
    # The site since 2026, asked by a program: there the check comes before anything else.
    raise Captcha if isinstance(error, LayoutChanged) and markup.is_empty_app(root) else error


def _with_partners(found: Company, entries: list[tuple[str, str]]) -> Company:
    if not qsa_page.is_shown(entries):
        return found
    shown = qsa_page.company(entries)
    if shown.cnpj != found.cnpj:
        raise WrongCompany
    return replace(
        found, quadro_societario=shown.quadro_societario, capital_social=shown.capital_social
    )


def _refusal(text: str, card: dict[str, list[str]], cnpj: str) -> SourceError:
    """Return what a page that shows no company says."""
    lost, plain, gone = labels.spellings(text)
    said = (
        error
        for (lost_message, plain_message, gone_message), error in _MESSAGES_AS_MET
        if lost_message in lost or plain_message in plain or gone_message in gone
    )
    error = next(said, None)
    if error is None:
        return LayoutChanged(tuple(label for label in certificate.REQUIRED if label not in card))
    shown = fields.shown_cnpj(text.partition("CNPJ :")[2])
    if error is NotFound and cnpj and shown and shown != cnpj:
        return WrongCompany()
    return error()
