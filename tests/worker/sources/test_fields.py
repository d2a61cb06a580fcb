import pytest

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


def test_a_street_has_its_kind_once() -> None:
    assert fields.street("AVENIDA", "PAULISTA") == "AVENIDA PAULISTA"
    assert fields.street("Rua", "RUA DO SOL") == "RUA DO SOL"
    assert fields.street(None, "PAULISTA") == "PAULISTA"
    assert fields.street("RUA", None) == ""
