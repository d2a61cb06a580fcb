"""The official page that a person gave, read like one that we fetched."""

from worker.sources import receita, receita_page
from worker.sources.chain import Finding
from worker.sources.errors import (
    Captcha,
    LayoutChanged,
    NotCertificate,
    NotFound,
    OtherCompany,
    SourceError,
    WrongCompany,
)

_QSA = "A página enviada é a do quadro de sócios (QSA). Envie a do comprovante de inscrição."
# What a page that is no certificate says, to who sent it.
_SAYS: dict[type[SourceError], str] = {
    NotFound: "A página enviada diz que o CNPJ não existe, e não traz o comprovante.",
    Captcha: "A página enviada ainda pede a verificação. Salve a que vem depois dela.",
}


def read(page: bytes, cnpj: str) -> Finding:
    """Return the company of the certificate that this page is.

    Raises OtherCompany or NotCertificate: the person who gave it may give another.
    """
    try:
        company = receita_page.parse(page, cnpj)
    except WrongCompany as error:
        raise OtherCompany from error
    except LayoutChanged as error:
        raise NotCertificate(f"{NotCertificate.default_reason} {_missing(error)}") from error
    except SourceError as error:
        raise NotCertificate(_SAYS.get(type(error), "")) from error
    if not company.situacao_cadastral:
        raise NotCertificate(_QSA)
    return Finding(company, receita.SOURCE.name)


def _missing(error: LayoutChanged) -> str:
    """Return the first of what a whole certificate has and this page has not."""
    first, *others = error.missing
    return f"Falta o campo {first}." if not others else f"Faltam {first} e outros {len(others)}."
