from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.validation import field_errors


class Colour(StrEnum):
    RED = "vermelho"
    BLUE = "azul"


class Address(BaseModel):
    city: str


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=2, max_length=5)] = "Ana"
    age: Annotated[int, Field(ge=0, le=5)] = 1
    active: bool = True
    day: date = date(2026, 1, 1)
    moment: datetime = datetime(2026, 1, 1)  # noqa: DTZ001
    colour: Colour = Colour.RED
    side: Literal["esquerda", "direita"] = "direita"
    address: Address | None = None

    @field_validator("name")
    @classmethod
    def _not_bob(cls, name: str) -> str:
        if name == "Bob":
            raise ValueError("Bob já se cadastrou.")
        return name

    @model_validator(mode="after")
    def _together(self) -> "Payload":
        if self.age == 5 and self.active:
            raise ValueError("Idade e situação não combinam.")
        return self


def told(**payload: Any) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        Payload.model_validate(payload)
    return field_errors(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 3, "Deve ser um texto."),
        ("name", "A", "Deve ter pelo menos 2 caractere(s)."),
        ("name", "Anastácia", "Deve ter no máximo 5 caracteres."),
        ("name", "Bob", "Bob já se cadastrou."),
        ("age", "três", "Deve ser um número inteiro."),
        ("age", 1.5, "Deve ser um número inteiro."),
        ("age", None, "Deve ser um número inteiro."),
        ("age", "9" * 5000, "O número é grande demais."),
        ("age", -1, "Deve ser no mínimo 0."),
        ("age", 6, "Deve ser no máximo 5."),
        ("active", "talvez", "Deve ser verdadeiro ou falso."),
        ("active", [], "Deve ser verdadeiro ou falso."),
        ("day", "31/12/2026", "Data inválida: use AAAA-MM-DD."),
        ("day", "2026-12-31T10:00", "Data inválida: use AAAA-MM-DD, sem hora."),
        ("day", [], "Data inválida: use AAAA-MM-DD."),
        ("moment", "amanhã", "Data inválida: use AAAA-MM-DDThh:mm."),
        ("moment", "2026-02-30T10:00", "Data inválida: use AAAA-MM-DDThh:mm."),
        ("moment", [], "Data inválida: use AAAA-MM-DDThh:mm."),
        ("colour", "verde", "Deve ser um destes: 'vermelho' ou 'azul'."),
        ("side", "meio", "Deve ser um destes: 'esquerda' ou 'direita'."),
        ("address", "aqui", "Deve ser um objeto JSON."),
        ("extra", 1, "Campo desconhecido."),
    ],
)
def test_each_refusal_is_told_in_portuguese(field: str, value: Any, message: str) -> None:
    assert told(**{field: value}) == {field: [message]}


def test_every_field_that_is_wrong_is_told() -> None:
    assert set(told(name=1, age="x", colour=0)) == {"name", "age", "colour"}


def test_a_field_within_a_field_is_named_with_its_path() -> None:
    assert told(address={}) == {"address.city": ["Campo obrigatório."]}


def test_what_concerns_the_whole_is_told_so() -> None:
    assert told(age=5) == {"_schema": ["Idade e situação não combinam."]}


@pytest.mark.parametrize("payload", [None, [], "texto", 3])
def test_a_payload_that_is_no_object_is_told_so(payload: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Payload.model_validate(payload)
    assert field_errors(refused.value) == {"_schema": ["Deve ser um objeto JSON."]}


@pytest.mark.parametrize("age", [float("nan"), float("inf"), 10**400])
def test_a_number_that_is_none_is_refused(age: Any) -> None:
    assert list(told(age=age)) == ["age"]
