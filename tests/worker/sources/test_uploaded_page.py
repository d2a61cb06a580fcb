"""A page that a person gave: the company, or what to tell the person."""

import json

import pytest

from tests.people import cnpj
from tests.worker.sources.saved import ours
from worker.sources import receita_page
from worker.sources.errors import NotCertificate, OtherCompany
from worker.sources.uploaded_page import read

CERTIFICATES = ("certificate-g1", "certificate-g2-saved", "certificate-g3-two-cards")


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_certificate_gives_what_it_gives_when_we_fetch_it(name: str) -> None:
    expected = json.loads(ours(f"{name}.json"))
    page = ours(f"{name}.html")

    company, source = read(page, expected["cnpj"])

    assert (company.as_dict(), source) == (expected, "receita")
    assert company == receita_page.parse(page)


def test_a_certificate_of_another_company_is_told_apart() -> None:
    with pytest.raises(OtherCompany) as told:
        read(ours("certificate-g2.html"), cnpj(1))
    assert (told.value.code, told.value.transient) == ("other_company", False)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("qsa", "a do quadro de sócios"),
        ("captcha", "ainda pede a verificação"),
        ("empty-app", "ainda pede a verificação"),
        ("not-found", "diz que o CNPJ não existe"),
        ("busy", "não é o comprovante"),
        ("other", "Faltam NÚMERO DE INSCRIÇÃO e outros"),
    ],
)
def test_what_is_no_certificate_is_told_by_what_it_is(name: str, said: str) -> None:
    shown = json.loads(ours("qsa.json"))["cnpj"]
    with pytest.raises(NotCertificate, match=said) as told:
        read(ours(f"{name}.html"), shown)
    assert (told.value.code, told.value.transient) == ("not_certificate", False)


@pytest.mark.parametrize("page", [b"", b"\0", b"<html>", b"<" * 3_000_000])
def test_what_is_no_page_at_all_is_no_certificate(page: bytes) -> None:
    with pytest.raises(NotCertificate):
        read(page, cnpj(1))
