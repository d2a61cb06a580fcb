"""What the API of users takes and gives."""

from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationInfo
from pydantic import field_validator as validates

from core.clock import utc_now
from users.fields import (
    BirthDate,
    CpfCnpj,
    Email,
    Name,
    Password,
    PostalCode,
    Short,
    State,
    Street,
    TypedEmail,
    TypedPassword,
)

MAX_PAGE_SIZE = 100

Group = Literal["users", "admin"]


class NewPassword(BaseModel):
    """A password, typed twice."""

    password: Password
    confirm_password: TypedPassword

    @validates("confirm_password")
    @classmethod
    def _same(cls, value: str, info: ValidationInfo) -> str:
        if "password" in info.data and value != info.data["password"]:
            raise ValueError("As senhas não são iguais.")
        return value


class AccountIn(NewPassword):
    """Somebody who signs up."""

    full_name: Name
    email: Email
    cpf_cnpj: CpfCnpj
    date_of_birth: BirthDate


class SuperuserIn(BaseModel):
    """An administrator, made on the command line."""

    full_name: Name
    email: Email
    password: Password


class Address(BaseModel):
    """Where somebody lives or works; the names are those of a company's address."""

    logradouro: Street = ""
    numero: Short = ""
    complemento: Street = ""
    bairro: Street = ""
    municipio: Street = ""
    uf: State = ""
    cep: PostalCode = ""


class _Changes(BaseModel):
    """What is to change of an account; what is absent stays."""

    full_name: Name = Field(default_factory=str)
    email: Email = Field(default_factory=str)
    cpf_cnpj: CpfCnpj = Field(default_factory=str)
    date_of_birth: BirthDate = Field(default_factory=lambda: utc_now().date())
    address: Address = Field(default_factory=Address)

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent, as they are stored."""
        return self.model_dump(mode="json", include=self.model_fields_set)


class OwnChanges(_Changes):
    """What somebody changes of their own account; another e-mail needs the password."""

    current_password: TypedPassword = ""

    def changes(self) -> dict[str, Any]:
        """Return the fields that were sent, as they are stored."""
        sent = super().changes()
        sent.pop("current_password", None)
        return sent


class AdminChanges(_Changes):
    """What an administrator changes of an account."""

    group: Group = "users"
    active: bool = True


class PasswordChange(NewPassword):
    """Another password for the own account."""

    current_password: TypedPassword


class CredentialsIn(BaseModel):
    """Who wants to enter."""

    email: TypedEmail
    password: TypedPassword


class ForgotIn(BaseModel):
    """Who forgot the password."""

    email: Email


class ResetIn(NewPassword):
    """The token of a mailed link and the new password."""

    token: str = Field(min_length=1, max_length=200, examples=["s5cW0b0Qq1J3mXbq4nYz"])


class PageQuery(BaseModel):
    """How many accounts a page holds."""

    page_size: int = Field(default=20, ge=1, le=MAX_PAGE_SIZE)


class AccountOut(BaseModel):
    """An account; what is unknown is empty."""

    id: str
    full_name: str
    email: str
    cpf_cnpj: str
    date_of_birth: str
    address: Address
    group: Group
    active: bool
    created: str


class AccountPage(BaseModel):
    """One page of accounts; `next_num` and `prev_num` are null where there is no such page."""

    items: list[AccountOut]
    page: int
    per_page: int
    total: int
    has_next: bool
    has_prev: bool
    next_num: int | None
    prev_num: int | None


class TokensOut(BaseModel):
    """An access token and the refresh token that renews it, once."""

    token: str
    refresh: str


class SessionOut(AccountOut, TokensOut):
    """An account with its tokens."""


class Jwk(BaseModel):
    """A public key (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str
