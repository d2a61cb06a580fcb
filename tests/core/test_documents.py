import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.documents import (
    InvalidDocumentError,
    format_cnpj,
    has_letters,
    parse_cnpj,
    parse_cpf,
    parse_cpf_cnpj,
)
from tests.people import alphanumeric_cnpj, cnpj

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


@pytest.mark.parametrize(
    "number", ["12ABC34501DE35", "93ZB0VRYV6KA67", "00000000E08G12", "00000000000191"]
)
def test_a_valid_cnpj_is_returned_as_it_is(number: str) -> None:
    assert parse_cnpj(number) == number


@pytest.mark.parametrize(
    "typed",
    [
        "12.ABC.345/01DE-35",
        "12.abc.345/01de-35",
        "12abc34501de35",
        "  12ABC34501DE35\n",
        "12 ABC 345 01DE 35",
        "12.ABC.345/01DE-35\u00a0",
    ],
)
def test_a_cnpj_is_understood_however_it_is_typed(typed: str) -> None:
    assert parse_cnpj(typed) == "12ABC34501DE35"


@pytest.mark.parametrize("number", ["93ZB0VRYV6KA66", "00000000000192", "12ABC34501DE53"])
def test_a_wrong_check_digit_is_named_as_such(number: str) -> None:
    with pytest.raises(InvalidDocumentError, match="dígitos verificadores não conferem"):
        parse_cnpj(number)


@pytest.mark.parametrize("digit", "0123456789")
def test_a_number_of_one_digit_only_is_refused(digit: str) -> None:
    with pytest.raises(InvalidDocumentError):
        parse_cnpj(digit * 14)
    with pytest.raises(InvalidDocumentError):
        parse_cpf(digit * 11)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "00000000000191".translate(FULL_WIDTH),
        "00000000000191".translate(ARABIC_INDIC),
        "00000000000191\0",
        "\0",
        "0000000000\n0191",
        "12ABC34501DÉ35",
        "12ABC34501DE3²",
        "' OR 1=1 --",
        "12ABC34501DE\ud800",
    ],
)
def test_what_no_cnpj_is_written_with_is_refused(text: str) -> None:
    with pytest.raises(InvalidDocumentError):
        parse_cnpj(text)
    with pytest.raises(InvalidDocumentError):
        parse_cpf_cnpj(text)


@pytest.mark.parametrize("unit", ["1", " ", "-", "A", "\0", "é"])
def test_a_text_of_a_million_characters_is_refused_at_once_and_not_repeated(unit: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidDocumentError) as refused:
        parse_cpf_cnpj(unit * 10**6)
    assert time.perf_counter() - began < 0.5
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(("number", "typed"), [("0191", "4"), ("0" * 15, "15")])
def test_a_wrong_length_is_told(number: str, typed: str) -> None:
    with pytest.raises(InvalidDocumentError, match=f"14 caracteres.*foram informados {typed}"):
        parse_cnpj(number)


def test_letters_belong_to_the_body_of_a_cnpj_only() -> None:
    with pytest.raises(InvalidDocumentError):
        parse_cnpj("12ABC34501DE3A")
    with pytest.raises(InvalidDocumentError):
        parse_cpf("1114447773A")


def test_a_document_is_told_apart_by_its_length() -> None:
    assert parse_cpf_cnpj("111.444.777-35") == "11144477735"
    assert parse_cpf_cnpj("00.000.000/0001-91") == "00000000000191"
    assert parse_cpf("111.444.777-35") == "11144477735"
    with pytest.raises(InvalidDocumentError, match="11 dígitos"):
        parse_cpf("00000000000191")


def test_a_cnpj_is_shown_with_its_punctuation() -> None:
    assert format_cnpj("12ABC34501DE35") == "12.ABC.345/01DE-35"
    assert has_letters("12ABC34501DE35")
    assert not has_letters("00000000000191")


@given(st.integers(min_value=1, max_value=99_999_999))
def test_every_cnpj_survives_being_shown_and_typed_again(number: int) -> None:
    assert parse_cnpj(format_cnpj(cnpj(number))) == cnpj(number)


@given(st.integers(min_value=0, max_value=9_999))
def test_every_cnpj_with_letters_survives_it_too(number: int) -> None:
    assert parse_cnpj(format_cnpj(alphanumeric_cnpj(number)).lower()) == alphanumeric_cnpj(number)


@given(st.text())
def test_any_text_is_either_a_document_or_refused_with_a_sentence(text: str) -> None:
    try:
        said = parse_cpf_cnpj(text)
    except InvalidDocumentError as refused:
        said = str(refused)
    assert said.endswith(".") or (said.isascii() and len(said) in {11, 14})
