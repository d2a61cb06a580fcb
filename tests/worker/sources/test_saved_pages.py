"""The same page, as browsers, mail programs and scripts save it."""

import base64
import quopri
import re
from collections.abc import Callable

import pytest

from tests.worker.sources.saved import ours
from worker.sources.company import Partner
from worker.sources.errors import (
    Captcha,
    InvalidCnpj,
    LayoutChanged,
    NotFound,
    RateLimited,
    SourceError,
    Unavailable,
    WrongCompany,
)
from worker.sources.receita_page import parse

PAGES = ["certificate-g1", "certificate-g2", "certificate-g2-closed", "certificate-g3-two-cards"]
BOUNDARY = "----MultipartBoundary--n1w0e2b3----"
QSA = ours("qsa.html").decode().partition("<body>")[2]


def _mhtml(transfer: str, body: bytes, headers: str = "From: <Saved by Blink>\r\n") -> bytes:
    head = (
        f"{headers}Subject: =?utf-8?Q?Comprovante?=\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n'
        f'\tboundary="{BOUNDARY}"\r\n\r\n'
        f"\r\n--{BOUNDARY}\r\nContent-Type: text/html\r\n"
        f"Content-Transfer-Encoding: {transfer}\r\n\r\n"
    )
    tail = f"\r\n--{BOUNDARY}\r\nContent-Type: text/css\r\n\r\ntd {{}}\r\n--{BOUNDARY}--\r\n"
    return head.encode() + body + tail.encode()


def _twice(page: str, encoding: str) -> bytes:
    return page.encode().decode(encoding, "replace").encode()


WAYS: dict[str, Callable[[str], bytes]] = {
    "in one file": lambda page: _mhtml("quoted-printable", quopri.encodestring(page.encode())),
    "in one file, base64": lambda page: _mhtml("base64", base64.encodebytes(page.encode())),
    "in one file, as it is": lambda page: _mhtml("8bit", page.encode("cp1252"), headers=""),
    "utf-8 read as latin-1": lambda page: _twice(page, "latin-1"),
    "utf-8 read as windows-1252": lambda page: _twice(page, "cp1252"),
    "utf-16 without a mark": lambda page: page.encode("utf-16-le"),
    "entities": lambda page: page.encode("ascii", "xmlcharrefreplace"),
    "heads instead of cells": lambda page: re.sub(r"<(/?)td\b", r"<\1th", page).encode(),
    "boxes instead of tables": lambda page: re.sub(
        r"<(/?)(table|tr|td)\b", r"<\1div", page
    ).encode(),
    "without ends": lambda page: re.sub(r"</(td|tr|font|b)>", "", page).encode(),
    "with a framework's marks": lambda page: re.sub(
        r"<(td|div|b)\b", r'<!----><\1 _ngcontent-ng-c12=""', page
    ).encode(),
    "with comments between words": lambda page: re.sub(
        r"(?<=[A-Z]) (?=[A-Z])", "<!-- --> ", page
    ).encode(),
    "with hard spaces": lambda page: re.sub(r"(?<=[A-Z]) (?=[A-Z])", "&nbsp;", page).encode(),
    "as xhtml": lambda page: f'<?xml version="1.0" encoding="ISO-8859-1"?>{page}'.encode(),
    "with what an extension adds": lambda page: page.replace(
        "</body>", "<x-y><table><tr><td>CEP</td><td>Nome</td></tr></table></x-y></body>"
    ).encode(),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("way", WAYS)
def test_the_way_of_saving_does_not_matter(name: str, way: str) -> None:
    page = ours(f"{name}.html")
    expected = parse(page)

    found = parse(WAYS[way](page.decode()))

    lost = "\ufffd"
    assert _without(str(found), lost) == _without(str(expected), lost, in_page=str(found))


@pytest.mark.parametrize("name", PAGES)
def test_letters_that_are_gone_cost_only_themselves(name: str) -> None:
    page = ours(f"{name}.html").decode()

    company = parse(page.encode("ascii", "ignore"))

    assert company.municipio == _gone(parse(page.encode()).municipio)
    assert company.nome_empresarial == _gone(parse(page.encode()).nome_empresarial)


def test_an_odd_letter_does_not_make_a_page_one_that_was_read_wrongly() -> None:
    page = ours("certificate-g2.html").decode().replace("CIRCO", "MAÃ£")

    assert "MAÃ£" in parse(page.encode()).nome_empresarial


def test_a_certificate_and_the_partners_on_one_page_are_one_company() -> None:
    page = ours("certificate-g2.html").replace(b"</body>", QSA.encode())
    certificate, shown = parse(ours("certificate-g2.html")), parse(page)

    assert shown.quadro_societario[0] == Partner("MARIA DA CONCEIÇÃO", "49-Sócio-Administrador")
    assert shown.capital_social == "200000.00"
    assert shown.logradouro == certificate.logradouro


def test_the_partners_of_another_company_are_refused() -> None:
    other = QSA.replace("12.345.678/0001-95", "99.999.999/0001-91")

    with pytest.raises(WrongCompany):
        parse(ours("certificate-g2.html").replace(b"</body>", other.encode()))


def test_a_partner_without_a_role_does_not_get_the_next_label() -> None:
    role = "37-Sócio Pessoa Jurídica Domiciliado no Exterior"

    company = parse(ours("qsa.html").decode().replace(role, "").encode())

    assert company.quadro_societario[1] == Partner("ACME HOLDINGS: LTD", "")


def test_a_qsa_page_may_tell_no_capital() -> None:
    page = ours("qsa.html").decode().replace("CAPITAL SOCIAL:", "OUTRO:")

    company = parse(page.encode())

    assert company.capital_social == ""
    assert len(company.quadro_societario) == 2


def test_a_card_in_boxes_needs_its_labels_too() -> None:
    page = WAYS["boxes instead of tables"](ours("certificate-g2.html").decode())

    with pytest.raises(LayoutChanged) as caught:
        parse(page.replace(b"LOGRADOURO", b"RUA"))

    assert caught.value.missing == ("LOGRADOURO",)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("<title>Just a moment...</title>", Captcha),
        ("<h1>Checking your browser before accessing</h1>", Captcha),
        ("<p>Não sou um robô</p>", Captcha),
        ("<h1>429 Too Many Requests</h1>", RateLimited),
        ("<h1>403 Forbidden</h1><hr>nginx", Unavailable),
        ("<h1>404 Not Found</h1>", Unavailable),
        ("<title>Request Rejected</title>Your support ID is: 1", Unavailable),
        ("<h2>500 - Internal server error.</h2>", Unavailable),
        ("<h1>Server Error in '/Servicos' Application.</h1>", Unavailable),
        ("<h1>502 Bad Gateway</h1>", Unavailable),
        ("<h2>Service Unavailable</h2><hr><p>HTTP Error 503.</p>", Unavailable),
        ("<h1>504 Gateway Time-out</h1>", Unavailable),
        ("<p>Serviço temporariamente indisponível.</p>", Unavailable),
        ("<p>Sistema em manutenção</p>", Unavailable),
        ("<p>Sua sessão expirou.</p>", Unavailable),
        ("<div>CNPJ inválido</div>", InvalidCnpj),
        ("<p>No existe no Cadastro de Pessoas Jurdicas o nmero de CNPJ</p>", NotFound),
        ("%PDF-1.7", LayoutChanged),
    ],
)
def test_what_stands_in_place_of_a_page_is_told_by_what_it_says(
    said: str, error: type[SourceError]
) -> None:
    with pytest.raises(SourceError) as caught:
        parse(f"<html><body>{said}</body></html>".encode())

    assert type(caught.value) is error


@pytest.mark.parametrize(
    "archive",
    [
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\nnothing",
        b"From: <x>\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html",
        _mhtml("base64", b"!"),
        b"From: <x>\r\nContent-Type: multipart/related;\r\n" + b"\t a=b;\r\n" * 100_000,
        b'Content-Type: multipart/related; boundary="x"\n\n' + b"--x\n\n" * 300_000,
    ],
)
def test_an_archive_without_a_page_is_a_changed_layout(archive: bytes) -> None:
    with pytest.raises(LayoutChanged):
        parse(archive)


def _gone(text: str) -> str:
    return " ".join(text.encode("ascii", "ignore").decode().split())


def _without(text: str, lost: str, in_page: str = "") -> str:
    """Return a text whose odd letters count as lost where some of the page were."""
    if lost not in (in_page or text):
        return text
    return re.sub(r"[^\x00-\x7f]+", "?", text)
