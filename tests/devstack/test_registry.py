"""The registry simulator, as the worker's fetcher meets it."""

import time
from html import unescape
from urllib.parse import urljoin

import pytest
import requests

from core.documents import format_cnpj
from devstack.registry import reserved
from devstack.registry.company import company
from tests.clients import Registry
from tests.people import alphanumeric_cnpj, cnpj

TIMEOUT = 10


def ask(registry: Registry, number: str, timeout: float = TIMEOUT) -> requests.Response:
    return requests.get(registry.page, params={"cnpj": number}, timeout=timeout)


def text(answer: requests.Response) -> str:
    return unescape(answer.content.decode("windows-1252"))


@pytest.mark.parametrize("number", [cnpj(11_222_333), alphanumeric_cnpj(7), "12.abc.345/01de-35"])
def test_any_valid_cnpj_has_the_page_of_its_company(registry: Registry, number: str) -> None:
    answer = ask(registry, number)

    it = company(number)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=windows-1252"
    for value in (format_cnpj(it.cnpj), it.nome_empresarial, it.atividade_principal, it.uf):
        assert value in text(answer)


def test_the_same_cnpj_always_has_the_same_company() -> None:
    assert company(cnpj(123)) == company(cnpj(123))
    assert company(cnpj(123)).nome_empresarial != company(cnpj(124)).nome_empresarial


def test_the_invented_companies_differ_in_every_way_that_a_parser_must_know() -> None:
    companies = [company(cnpj(number)) for number in range(400)]

    assert {it.situacao_cadastral for it in companies} == {"ATIVA", "BAIXADA", "INAPTA"}
    assert {it.porte for it in companies} == {"ME", "EPP", "DEMAIS"}
    assert {len(it.telefones) for it in companies} == {0, 1, 2}
    assert {bool(it.nome_fantasia) for it in companies} == {True, False}
    assert {bool(it.complemento) for it in companies} == {True, False}
    assert {bool(it.situacao_especial) for it in companies} == {True, False}
    assert max(len(it.atividades_secundarias) for it in companies) > 3
    assert any("&" in it.nome_empresarial for it in companies)
    assert any("<" in it.nome_fantasia for it in companies)
    assert not any(it.municipio for it in companies if it.situacao_cadastral == "BAIXADA")


def test_an_invalid_cnpj_is_refused(registry: Registry) -> None:
    assert "O número do CNPJ não é válido." in text(ask(registry, "11222333000100"))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (reserved.NOT_FOUND, "Não existe no Cadastro de Pessoas Jurídicas"),
        (reserved.CAPTCHA, "complete a verificação do captcha"),
        (reserved.BUSY, "No momento não podemos atender"),
    ],
)
def test_some_pages_say_no(registry: Registry, number: str, said: str) -> None:
    answer = ask(registry, number)

    assert answer.status_code == 200
    assert said in text(answer)


def test_people_come_to_a_certificate_by_a_button_and_programs_do_not(registry: Registry) -> None:
    form = requests.get(registry.form, params={"cnpj": reserved.CAPTCHA}, timeout=TIMEOUT)
    assert f'value="{reserved.CAPTCHA}"' in text(form)
    address = urljoin(form.url, "valida.asp")
    sent = {"cnpj": reserved.CAPTCHA}

    unchecked = requests.post(address, data=sent, timeout=TIMEOUT)
    certificate = requests.post(address, data=sent | {"pessoa": "sim"}, timeout=TIMEOUT)

    assert text(unchecked) == text(form)
    assert format_cnpj(reserved.CAPTCHA) in text(certificate)
    assert "complete a verificação" in text(ask(registry, reserved.CAPTCHA))


def test_a_rate_limit_says_when_to_try_again(registry: Registry) -> None:
    answer = ask(registry, reserved.RATE_LIMITED)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")


def test_a_server_error_is_one(registry: Registry) -> None:
    assert ask(registry, reserved.SERVER_ERROR).status_code == 500


def test_a_flaky_page_fails_twice_and_then_works(registry: Registry) -> None:
    assert [ask(registry, reserved.FLAKY).status_code for _ in range(4)] == [503, 503, 200, 503]


def test_a_slow_page_outlasts_a_short_timeout(registry: Registry) -> None:
    with pytest.raises(requests.ReadTimeout):
        ask(registry, reserved.SLOW, timeout=0.3)


def test_a_cut_connection_is_no_page(registry: Registry) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(registry, reserved.CUT)


def test_a_dripping_page_keeps_every_read_alive_and_never_ends(registry: Registry) -> None:
    with requests.get(
        registry.page, params={"cnpj": reserved.DRIPPING}, timeout=2, stream=True
    ) as answer:
        parts = answer.iter_content(64)
        first = next(parts)

    assert 0 < len(first) < int(answer.headers["Content-Length"]) / 10


def test_a_huge_page_announces_no_length(registry: Registry) -> None:
    with requests.get(
        registry.page, params={"cnpj": reserved.HUGE}, timeout=TIMEOUT, stream=True
    ) as answer:
        assert "Content-Length" not in answer.headers
        received = sum(
            len(part) for part, _ in zip(answer.iter_content(65_536), range(64), strict=False)
        )

    assert received > 1_000_000


def test_another_layout_lacks_labels_and_has_the_rest(registry: Registry) -> None:
    page = text(ask(registry, reserved.OTHER_LAYOUT))

    assert "NOME EMPRESARIAL\n" not in page
    assert "NATUREZA JURÍDICA\n" in page


def test_the_page_of_another_company_can_be_told_by_its_number(registry: Registry) -> None:
    page = text(ask(registry, reserved.OTHER_COMPANY))

    assert f'value="{reserved.OTHER_COMPANY}"' in page
    assert format_cnpj(reserved.OTHER_COMPANY) not in page


def test_it_tells_what_it_was_asked(registry: Registry) -> None:
    ask(registry, cnpj(1))
    ask(registry, reserved.SERVER_ERROR)

    assert [(entry["cnpj"], entry["status"]) for entry in registry.requests()] == [
        (cnpj(1), 200),
        (reserved.SERVER_ERROR, 500),
    ]
    assert len(registry.requests(cnpj(1))) == 1


def test_every_page_can_be_made_to_fail_and_be_slow_until_told_otherwise(
    registry: Registry,
) -> None:
    registry.behave(status=503, delay_ms=200)
    began = time.monotonic()
    assert ask(registry, cnpj(1)).status_code == 503
    assert time.monotonic() - began >= 0.2

    registry.clear()

    assert ask(registry, cnpj(1)).status_code == 200
