"""The official page, which asks for a person: what the services must agree on about it."""

# Where a person passes the check; `address` fills the CNPJ in.
URL = "https://solucoes.receita.fazenda.gov.br/Servicos/cnpjreva/cnpjreva_solicitacao.asp"

# The largest page that is taken; real ones are a twentieth of it.
MAX_BYTES = 2 * 1024 * 1024

# What people save instead of the page, and what they are told then.
PDF_BEGINS = b"%PDF"
PDF_REFUSED = "Este é um PDF. Salve a página do navegador como HTML e use esse arquivo."

# Why a run waits for a person: a source asks for one, or the page that one gave was of no use.
CAPTCHA = "captcha"
OTHER_COMPANY = "other_company"
NOT_CERTIFICATE = "not_certificate"
WAITING = frozenset({CAPTCHA, OTHER_COMPANY, NOT_CERTIFICATE})


def address(url: str, cnpj: str) -> str:
    """Return where the official page at `url` shows its form with this CNPJ in it."""
    return f"{url}?cnpj={cnpj}"
