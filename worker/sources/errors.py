"""Why a source gave no company.

    SourceError
    ├── NotFound       the source knows no such CNPJ (one answer alone is no proof)
    ├── InvalidCnpj    the source refuses the number itself
    ├── Captcha        the source asks for a person
    ├── RateLimited    the source asks us to slow down
    │   └── HeldBack   we did not ask: its limit is used up, or it is failing and left alone
    ├── Unavailable    the source is away, busy, slow or answers nonsense
    ├── LayoutChanged  the answer lacks fields that it always had
    ├── WrongCompany   the answer is about another CNPJ
    ├── NoSource       no configured source takes such a CNPJ
    ├── OtherCompany   the page that a person gave is about another CNPJ
    └── NotCertificate the page that a person gave is no certificate

`code` is stable and for programs, `reason` is Portuguese for people and holds no personal data.
"""

# ruff: noqa: N818 The names are the contract, and each of them is already an error.

from typing import ClassVar

from core import official_page


class SourceError(Exception):
    """A source gave no company. `transient` tells that the same question may succeed later.

    `retry_after` is the number of seconds that the source asked us to wait, if it did. The chain
    sets the others: `source` is its name, `captcha` the answer of another that asks for a person.
    """

    code: ClassVar[str] = "source_error"
    transient: ClassVar[bool] = False
    default_reason: ClassVar[str] = "A fonte não pôde ser consultada."

    def __init__(self, reason: str = "", retry_after: float | None = None) -> None:
        self.reason = reason or self.default_reason
        self.retry_after = retry_after
        self.source = ""
        self.captcha: Captcha | None = None
        super().__init__(self.reason)


class NotFound(SourceError):
    """The source knows no such CNPJ.

    Services answer so when their database is down: until a second source has said it too
    (`confirmed`), it is to be looked for again later. `said_by` names those that said it; the
    chain sets both.
    """

    code = "not_found"
    default_reason = "A fonte não encontrou esse CNPJ."
    confirmed = False
    said_by: tuple[str, ...] = ()


class InvalidCnpj(SourceError):
    """The source refuses the number itself, as one that knows no letters does; ask another."""

    code = "invalid_cnpj"
    default_reason = "A fonte recusou esse CNPJ como inválido."


class Captcha(SourceError):
    """The source asks for a person; no program answers for one."""

    code = official_page.CAPTCHA
    default_reason = "A fonte pede uma verificação humana (captcha)."


class RateLimited(SourceError):
    """The source asks us to slow down; wait `retry_after` seconds if it tells how long."""

    code = "rate_limited"
    transient = True
    default_reason = "A fonte pediu que as consultas sejam feitas mais devagar."

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__(retry_after=retry_after)


class HeldBack(RateLimited):
    """We did not ask: its limit is used up, or it is failing and left alone; wait `retry_after`."""

    code = "held_back"
    default_reason = "A fonte está em pausa; a consulta será feita em seguida."


class Unavailable(SourceError):
    """The source is away, busy, slow or answers nonsense; try later."""

    code = "unavailable"
    transient = True
    default_reason = "A fonte está indisponível no momento."

    def __init__(self, retry_after: float | None = None, reason: str = "") -> None:
        super().__init__(reason, retry_after)


class LayoutChanged(SourceError):
    """The answer lacks fields that it always had; the parser needs a look.

    `missing` names them as the source prints them.
    """

    code = "layout_changed"

    def __init__(self, missing: tuple[str, ...]) -> None:
        self.missing = missing
        super().__init__(f"A resposta da fonte mudou de forma. Faltam: {'; '.join(missing)}.")


class WrongCompany(SourceError):
    """The answer is about another CNPJ than the one asked for; try later."""

    code = "wrong_company"
    transient = True
    default_reason = "A fonte respondeu sobre outro CNPJ."


class NoSource(SourceError):
    """No configured source takes such a CNPJ; `SOURCES` must name one that knows letters."""

    code = "no_source"
    default_reason = "Nenhuma fonte configurada aceita CNPJ com letras."


class OtherCompany(SourceError):
    """The page that a person gave is about another CNPJ; another page is needed."""

    code = official_page.OTHER_COMPANY
    default_reason = "A página enviada é de outro CNPJ."


class NotCertificate(SourceError):
    """The page that a person gave is not the certificate, or not all of it; another is needed."""

    code = official_page.NOT_CERTIFICATE
    default_reason = "A página enviada não é o comprovante de inscrição."
