"""What the API of users takes and gives."""

import unicodedata
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    StringConstraints,
    ValidationInfo,
)
from pydantic import field_validator as validates

from core.clock import SAO_PAULO, utc_now
from core.documents import parse_cpf_cnpj

OLDEST_BIRTH = date(1900, 1, 1)


def _line(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise ValueError("Não pode conter caracteres de controle nem quebras de linha.")
    return text


Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=120),
    AfterValidator(_line),
]
Password = Annotated[str, Field(min_length=8, max_length=128)]
Email = Annotated[EmailStr, Field(max_length=254), AfterValidator(str.lower)]


class _Secretive(BaseModel):
    """What holds a password: its errors never show what was typed."""

    model_config = ConfigDict(hide_input_in_errors=True)


class AccountIn(_Secretive):
    """Somebody who signs up."""

    full_name: Name
    email: Email
    cpf_cnpj: Annotated[str, AfterValidator(parse_cpf_cnpj)]
    date_of_birth: date
    password: Password
    confirm_password: str

    @validates("date_of_birth", mode="before")
    @classmethod
    def _text_only(cls, value: Any) -> Any:
        if not isinstance(value, str):
            raise ValueError("Data inválida: use AAAA-MM-DD.")  # noqa: TRY004 pydantic's way
        return value

    @validates("date_of_birth")
    @classmethod
    def _plausible(cls, value: date) -> date:
        if not OLDEST_BIRTH <= value < utc_now().astimezone(SAO_PAULO).date():
            raise ValueError("A data de nascimento deve estar entre 1900 e ontem.")
        return value

    @validates("confirm_password")
    @classmethod
    def _same(cls, value: str, info: ValidationInfo) -> str:
        if "password" in info.data and value != info.data["password"]:
            raise ValueError("As senhas não são iguais.")
        return value


class CredentialsIn(_Secretive):
    """Who wants to enter."""

    email: Annotated[str, Field(max_length=254), AfterValidator(str.lower)]
    password: Annotated[str, Field(max_length=128)]


class AccountOut(BaseModel):
    """An account."""

    id: str
    full_name: str
    email: str
    cpf_cnpj: str
    date_of_birth: str
    group: str
    active: bool
    created: str


class TokensOut(BaseModel):
    """An access token and the refresh token that renews it, once."""

    token: str
    refresh: str


class SessionOut(AccountOut, TokensOut):
    """An account with its tokens."""
