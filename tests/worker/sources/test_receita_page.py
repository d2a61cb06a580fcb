import dataclasses
import json
import re

import pytest

from tests.worker.sources.saved import OURS, ours
from worker.sources.certificate import REQUIRED
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    SourceError,
    Unavailable,
    WrongCompany,
)
from worker.sources.receita_page import parse, parse_certificate

CNPJ = "12345678000195"
EXPECTED = sorted(path.stem for path in OURS.glob("*.json"))
ACCENTED = "ÁÂÃÀÉÊÍÓÔÕÚÇáâãàéêíóôõúç"


@pytest.mark.parametrize("name", EXPECTED)
def test_a_page_gives_every_field_that_it_shows(name: str) -> None:
    expected = json.loads(ours(f"{name}.json"))

    company = parse(ours(f"{name}.html"), expected["cnpj"])

    assert company.as_dict() == expected


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("encoding", ["windows-1252", "utf-8-sig", "utf-16"])
def test_the_encoding_does_not_matter(name: str, encoding: str) -> None:
    page = ours(f"{name}.html")

    assert parse(page.decode().encode(encoding)) == parse(page)


def test_letters_that_windows_alone_has_are_kept() -> None:
    page = ours("certificate-g2.html").decode().replace("PÃO & CIRCO", "PÃO – CIRCO")
    page = page.replace("PÃO &amp; CIRCO", "PÃO – CIRCO")

    assert parse(page.encode("windows-1252")).nome_empresarial.startswith("PÃO – CIRCO")


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("lost", ["\ufffd", "\ufffd\ufffd", "?"])
def test_lost_accents_cost_only_the_lost_letters(name: str, lost: str) -> None:
    page = ours(f"{name}.html").decode()

    company = parse(_without_accents(page, lost).encode())

    expected = _without_accents(
        json.dumps(parse(page.encode()).as_dict(), ensure_ascii=False), lost
    )
    assert company.as_dict() == json.loads(expected)


def test_lost_and_good_letters_may_be_mixed() -> None:
    page = ours("certificate-g2.html").decode().replace("Ç", "\ufffd").replace("Ú", "\ufffd")

    company = parse(page.encode())

    assert company.municipio == "SÃO PAULO"
    assert company.nome_fantasia == "PADARIA DA PRA\ufffdA"


def test_letters_may_be_written_in_two_parts_or_as_entities() -> None:
    page = ours("certificate-g2.html").decode()
    decomposed = page.replace("Ç", "C\u0327").replace("Ã", "&Atilde;").replace("Ú", "&#218;")

    assert parse(decomposed.encode()) == parse(page.encode())


def test_a_stray_byte_does_not_turn_a_page_into_another_encoding() -> None:
    page = ours("certificate-g2.html").replace(b"CIRCO", b"CIR\xffCO")

    company = parse(page)

    assert company.nome_empresarial == "PÃO & CIR\ufffdCO COMÉRCIO LTDA"


def test_white_space_between_tags_is_not_needed() -> None:
    lines = (line.strip() for line in ours("certificate-g2.html").decode().splitlines())

    assert parse("".join(lines).encode()) == parse(ours("certificate-g2.html"))


def test_the_case_of_tags_does_not_matter() -> None:
    page = ours("certificate-g2.html").decode()
    for tag in ("table", "tr", "td", "font", "b", "br"):
        page = page.replace(f"<{tag}>", f"<{tag.upper()}>").replace(
            f"</{tag}>", f"</{tag.upper()}>"
        )

    assert parse(page.encode()) == parse(ours("certificate-g2.html"))


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("not-found", NotFound),
        ("invalid", InvalidCnpj),
        ("busy", Unavailable),
        ("captcha", Captcha),
        ("captcha-image", Captcha),
        ("captcha-wrong", Captcha),
        ("form", Captcha),
        ("empty-app", Captcha),
        ("other", LayoutChanged),
    ],
)
@pytest.mark.parametrize("lost", ["", "\ufffd", "?", "plain"])
def test_a_page_without_a_company_is_told_by_what_it_says(
    name: str, error: type[SourceError], lost: str
) -> None:
    page = ours(f"{name}.html").decode()
    page = _without_accents(page, lost) if lost else page

    with pytest.raises(error) as caught:
        parse(page.encode(), CNPJ)

    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("found", "put"),
    [
        ("<app-root></app-root>", "<app-root><h2>Comprovante</h2></app-root>"),
        ("<app-root></app-root>", ""),
        ("script", "span"),
    ],
)
def test_only_a_program_that_has_not_run_asks_for_a_browser(found: str, put: str) -> None:
    page = ours("empty-app.html").decode().replace(found, put)

    with pytest.raises(LayoutChanged):
        parse(page.encode())


@pytest.mark.parametrize("label", REQUIRED)
def test_a_missing_label_is_named(label: str) -> None:
    page = re.sub(
        rf"(?<=  ){re.escape(label)}(?= \(\*\)|\n)", "OUTRO", ours("certificate-g2.html").decode()
    )

    with pytest.raises(LayoutChanged) as caught:
        parse(page.encode())

    assert caught.value.missing == (label,)
    assert label in caught.value.reason


@pytest.mark.parametrize(
    "value", ["12.345.678/0001-95", "ATIVA", "PÃO &amp; CIRCO   COMÉRCIO\tLTDA"]
)
def test_an_essential_value_that_is_missing_is_a_changed_layout(value: str) -> None:
    page = ours("certificate-g2.html").decode().replace(value, "********")

    with pytest.raises(LayoutChanged):
        parse(page.encode())


def test_a_page_about_another_company_is_refused_whatever_its_hidden_field_says() -> None:
    page = ours("certificate-g2.html")
    assert b'value="99999999000191"' in page

    with pytest.raises(WrongCompany):
        parse(page, "99999999000191")


def test_cards_of_two_companies_are_refused() -> None:
    other = ours("certificate-g2-closed.html")
    page = ours("certificate-g2.html").replace(b"</body>", other + b"</body>")

    with pytest.raises(WrongCompany):
        parse(page)


def test_a_not_found_page_about_another_company_proves_nothing() -> None:
    with pytest.raises(WrongCompany):
        parse(ours("not-found.html"), "12ABC34501DE35")


def test_a_company_whose_name_is_a_message_is_still_a_company() -> None:
    page = ours("certificate-g2.html").decode()
    name = "CAPTCHA TENTE MAIS TARDE LTDA"
    page = page.replace("PÃO &amp; CIRCO   COMÉRCIO\tLTDA", name)

    assert parse(page.encode()).nome_empresarial == name


def test_a_value_that_is_a_label_is_still_a_value() -> None:
    page = ours("certificate-g2.html").decode().replace("PADARIA DA PRAÇA", "TELEFONE")

    company = parse(page.encode())

    assert company.nome_fantasia == "TELEFONE"
    assert company.telefone == "(11) 3348-2382 / (11) 93348-2248"


def test_a_qsa_page_is_no_certificate() -> None:
    with pytest.raises(LayoutChanged):
        parse_certificate(ours("qsa.html"))


def test_a_qsa_page_without_partners_has_none() -> None:
    page = ours("qsa.html").decode()
    start, end = page.index("<p>O Quadro"), page.index("<div>Para informa")
    page = page[:start] + "<p>A natureza jurídica não permite o QSA.</p>" + page[end:]

    company = parse(page.encode())

    assert company.quadro_societario == ()
    assert company.capital_social == "200000.00"


def test_a_company_cannot_be_changed() -> None:
    company = parse(ours("certificate-g2.html"))

    with pytest.raises(dataclasses.FrozenInstanceError):
        company.uf = "RJ"  # type: ignore[misc]


def _without_accents(text: str, lost: str) -> str:
    plain = str.maketrans(ACCENTED, "AAAAEEIOOOUCaaaaeeiooouc")
    if lost == "plain":
        return text.translate(plain)
    return "".join(lost if char in ACCENTED else char for char in text)
