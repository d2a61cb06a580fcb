import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sources import fields


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("  A\t B \xa0 C\n", "A B C"),
        ("A\x00B\x1b", "AB"),
        ("A\ud800B", "AB"),
        ("A\u200b\x00 \x00B", "A B"),
        ("C\u0327", "Ç"),
        ("**", ""),
        ("***** ***", ""),
        ("Não informada", ""),
        ("N\ufffdo informada", ""),
        ("NAO INFORMADO", ""),
        ("NÃO INFORMADA LTDA", "NÃO INFORMADA LTDA"),
        ("***123***", "***123***"),
        (None, ""),
        (True, ""),
        (["A"], ""),
        ({"A": 1}, ""),
        (37, "37"),
        (0, "0"),
        (37.0, "37"),
        (7.5, "7.5"),
        (float("nan"), ""),
        (float("-inf"), ""),
    ],
)
def test_text_is_clean_and_placeholders_are_empty(value: object, expected: str) -> None:
    assert fields.text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2020-06-05", "2020-06-05"),
        ("2024-06-26T23:57:40.000Z", "2024-06-26"),
        ("26/07/1971", "1971-07-26"),
        ("04/07/2024 às 14:52:18", "2024-07-04"),
        ("09/02/1817", "1817-02-09"),
        ("19710726", "1971-07-26"),
        (19710726, "1971-07-26"),
        ("0000-00-00", ""),
        ("00000000", ""),
        ("31/02/2020", ""),
        ("2020-13-01", ""),
        ("********", ""),
        ("ontem", ""),
        ("0001-01-01T00:00:00", ""),
        (19710726.0, "1971-07-26"),
        ("٢٠٢٠-٠٦-٠٥", ""),
        (None, ""),
        (0, ""),
    ],
)
def test_dates(value: object, expected: str) -> None:
    assert fields.date(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12.abc.345/01de-35", "12ABC34501DE35"),
        ("19131243000197", "19131243000197"),
        (191, "00000000000191"),
        (191.0, "00000000000191"),
        ("191", ""),
        ("12ABC34501DEAB", ""),
        (None, ""),
    ],
)
def test_cnpj(value: object, expected: str) -> None:
    assert fields.cnpj(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("86.050-460", "86050-460"),
        ("01311902", "01311-902"),
        (1311902, "01311-902"),
        ("1311902", "01311-902"),
        ("00000000", ""),
        ("123", ""),
        ("********", ""),
    ],
)
def test_postal_codes(value: object, expected: str) -> None:
    assert fields.postal_code(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ME", "ME"),
        ("MICRO EMPRESA", "ME"),
        ("Microempresa (ME)", "ME"),
        ("MEI", "ME"),
        ("01", "ME"),
        (1, "ME"),
        ("EPP", "EPP"),
        ("Empresa de Pequeno Porte", "EPP"),
        (3, "EPP"),
        ("DEMAIS", "DEMAIS"),
        ("Demais", "DEMAIS"),
        ("05", "DEMAIS"),
        ("00", ""),
        ("NÃO INFORMADO", ""),
        ("", ""),
    ],
)
def test_sizes(value: object, expected: str) -> None:
    assert fields.size(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ATIVA", "ATIVA"),
        ("Ativa", "ATIVA"),
        ("ATIVA NÃO REGULAR", "ATIVA"),
        (2, "ATIVA"),
        ("02", "ATIVA"),
        ("Baixada", "BAIXADA"),
        (8, "BAIXADA"),
        ("inapta", "INAPTA"),
        ("SUSPENSA", "SUSPENSA"),
        (1, "NULA"),
        ("********", ""),
        ("OUTRA", ""),
    ],
)
def test_statuses(value: object, expected: str) -> None:
    assert fields.status(value) == expected


@pytest.mark.parametrize(
    ("code", "description", "expected"),
    [
        (111301, "Cultivo de arroz", "01.11-3-01 - Cultivo de arroz"),
        ("0111-3/01", "Cultivo de arroz", "01.11-3-01 - Cultivo de arroz"),
        ("6201501", "", "62.01-5-01"),
        ("62.01-5-01", "Comércio (Dispensada *)", "62.01-5-01 - Comércio"),
        ("62.01-5-01", "Comércio (Não dispensada *)", "62.01-5-01 - Comércio"),
        ("62.01-5-01", "Comércio (N\ufffdo dispensada *)", "62.01-5-01 - Comércio"),
        ("00.00-0-00", "Não informada", ""),
        (None, "Comércio", ""),
        (0, "", ""),
    ],
)
def test_activities(code: object, description: object, expected: str) -> None:
    assert fields.activity(code, description) == expected


def test_the_description_of_an_activity_may_hold_dashes() -> None:
    line = "47.21-1-02 - Padaria - com revenda - (Dispensada *)"

    assert fields.activity_line(line) == "47.21-1-02 - Padaria - com revenda -"


@pytest.mark.parametrize(
    ("code", "description", "expected"),
    [
        (2062, "Sociedade Empresária", "206-2 - Sociedade Empresária"),
        ("206-2 - Sociedade - Empresária", "", "206-2 - Sociedade - Empresária"),
        ("206-2 – Sociedade Empresária", "", "206-2 - Sociedade Empresária"),
        ("2062", "", "206-2"),
        (None, "Associação Privada", "Associação Privada"),
        ("Associação Privada", "", "Associação Privada"),
        (0, "", ""),
        ("********", "", ""),
    ],
)
def test_legal_natures(code: object, description: object, expected: str) -> None:
    assert fields.legal_nature(code, description) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["(31) 3348-2382/ (31) 3348-2248"], "(31) 3348-2382 / (31) 3348-2248"),
        (["1123851939", "11 991234567"], "(11) 2385-1939 / (11) 99123-4567"),
        (["(0xx11) 2385-1939"], "(11) 2385-1939"),
        (["23851939"], "2385-1939"),
        (["1123851939", "(11) 2385-1939"], "(11) 2385-1939"),
        (["(00) 0000-0000", "", None], ""),
        (["********"], ""),
        (["ramal 7"], "ramal 7"),
        (["(11) 2385-1939(11) 2385-1940"], "(11) 2385-1939 / (11) 2385-1940"),
        (["(11) 2385-1939; (11) 2385-1940"], "(11) 2385-1939 / (11) 2385-1940"),
        (["0800 123-4567", "8001234567"], "0800 123-4567"),
        (["(11) 0800-1234"], "(11) 0800-1234"),
        (["+55 11 91234-5678", "551123851939"], "(11) 91234-5678 / (11) 2385-1939"),
        (["(31) 385-1939", "673521234"], "(31) 385-1939 / (67) 352-1234"),
        (["991234567", "(00) 2385-1939"], "99123-4567 / 2385-1939"),
        (["(11) 0000-0000"], ""),
        (["(11) 12345678901"], "(11) 12345678901"),
    ],
)
def test_phones(values: list[object], expected: str) -> None:
    assert fields.phones(*values) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("R$ 200.000,00 (Duzentos mil reais)", "200000.00"),
        ("10606804.00", "10606804.00"),
        ("6983568523.86", "6983568523.86"),
        ("1000,5", "1000.50"),
        ("1.000", "1000.00"),
        (1000, "1000.00"),
        (0, "0.00"),
        (6983568523.86, "6983568523.86"),
        (float("nan"), ""),
        (float("inf"), ""),
        ("1e999999999", ""),
        ("-1", ""),
        ("********", ""),
        (None, ""),
        (True, ""),
    ],
)
def test_amounts(value: object, expected: str) -> None:
    assert fields.amount(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("MATRIZ", "MATRIZ"),
        ("Filial", "FILIAL"),
        (1, "MATRIZ"),
        (2, "FILIAL"),
        (True, "MATRIZ"),
        (False, "FILIAL"),
        (None, ""),
        ("x", ""),
    ],
)
def test_head_or_branch(value: object, expected: str) -> None:
    assert fields.head_or_branch(value) == expected


def test_an_area_code_alone_is_no_phone() -> None:
    assert fields.phones(fields.phone("11", ""), fields.phone(None, "23851939")) == "2385-1939"
    assert fields.phones(fields.phone(11, 23851939)) == "(11) 2385-1939"


@pytest.mark.parametrize("dash", ["-", "–", "—"])
def test_an_activity_is_told_from_its_code_by_any_dash(dash: str) -> None:
    line = f"47.21-1-02 {dash} Padaria - com revenda"

    assert fields.activity_line(line) == "47.21-1-02 - Padaria - com revenda"


FORMS = {
    fields.date: r"([0-9]{4}-[0-9]{2}-[0-9]{2})?",
    fields.cnpj: r"([0-9A-Z]{12}[0-9]{2})?",
    fields.head_or_branch: r"(MATRIZ|FILIAL)?",
    fields.postal_code: r"([0-9]{5}-[0-9]{3})?",
    fields.state: r"([A-Z]{2})?",
    fields.size: r"(ME|EPP|DEMAIS)?",
    fields.status: r"(ATIVA|BAIXADA|INAPTA|SUSPENSA|NULA)?",
    fields.activity: r"([0-9]{2}\.[0-9]{2}-[0-9]-[0-9]{2}( - .+)?)?",
    fields.amount: r"([0-9]+\.[0-9]{2})?",
}
ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.lists(st.integers())
    | st.text("0123456789.,/-() *R$", max_size=24)
    | st.sampled_from(["MATRIZ", "Demais", "ativa", "26/07/1971", "R$ 1.234,5", "0111-3/01"])
)


@pytest.mark.parametrize("field", FORMS, ids=lambda field: field.__name__)
@given(value=ANYTHING)
def test_a_field_has_its_one_form_or_is_empty(
    field: Callable[[object], str], value: object
) -> None:
    assert re.fullmatch(FORMS[field], field(value), re.DOTALL)


@pytest.mark.parametrize(
    "field", [*FORMS, fields.text, fields.phones, fields.legal_nature, fields.activity_line],
    ids=lambda field: field.__name__,
)  # fmt: skip
@given(value=ANYTHING)
def test_what_has_its_form_keeps_it(field: Callable[[object], str], value: object) -> None:
    once = field(value)

    assert field(once) == once


@given(st.integers(11, 99), st.integers(2_000_000, 999_999_999))
def test_a_phone_has_one_form_however_it_is_written(area: int, number: int) -> None:
    last = f"{number}"
    ways = [f"({area}) {last}", f"({area}){last[:-4]}-{last[-4:]}", f"(0{area}) {last}"]

    assert {fields.phones(way) for way in ways} == {f"({area}) {last[:-4]}-{last[-4:]}"}


def test_a_street_has_its_kind_once() -> None:
    assert fields.street("AVENIDA", "PAULISTA") == "AVENIDA PAULISTA"
    assert fields.street("Rua", "RUA DO SOL") == "RUA DO SOL"
    assert fields.street(None, "PAULISTA") == "PAULISTA"
    assert fields.street("RUA", None) == ""
