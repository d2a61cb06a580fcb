"""A company whose name is hostile, and what changed of it: on each page and on paper."""

from contextlib import closing

import psycopg2
import pypdfium2
import pytest
import requests
from playwright.sync_api import expect

from devstack import services
from devstack.stack import Stack
from tests.people import cnpj
from tests.waiting import wait_until
from tests.web.conftest import HOSTILE, TIMEOUT_SECONDS, Account, Open

NUMBER = cnpj(91)


@pytest.fixture
def consulted(maria: Account, suite: Stack) -> int:
    """Give a job that ran twice, whose company has a hostile name and moved in between."""
    job = maria.schedule(NUMBER, title="Hostil")
    _run(maria, job["id"], 1)
    _write(suite, job["id"], "logradouro = 'R DAS FLORES'")
    _run(maria, job["id"], 2)
    _write(suite, job["id"], f"nome_empresarial = '{HOSTILE.replace(chr(39), chr(39) * 2)}'")
    number: int = job["id"]
    return number


def _run(maria: Account, job_id: int, count: int) -> None:
    maria.call("POST", f"/job/{job_id}/run")
    wait_until(lambda: len(maria.call("GET", "/results", params={"job_id": job_id})) == count)


def _write(suite: Stack, job_id: int, change: str) -> None:
    url = suite.servers.database_url(services.DATABASE).replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as ledger, ledger, ledger.cursor() as cursor:
        cursor.execute(f"UPDATE result SET {change} WHERE job_id = %s", (job_id,))  # noqa: S608


def test_a_hostile_name_is_text_on_every_page(
    open_page: Open, maria: Account, consulted: int
) -> None:
    page = open_page(maria)
    for path in (f"/consultas/{consulted}", "/resultados", f"/empresas/{NUMBER}", "/"):
        page.goto(path)
        expect(page.get_by_text(HOSTILE).first).to_be_visible()


def test_a_hostile_name_is_text_in_the_pdf_and_in_the_table(
    web: str, maria: Account, consulted: int
) -> None:
    result = maria.call("GET", "/results", params={"job_id": consulted})[0]
    cookies = {"access": maria.tokens["token"], "refresh": maria.tokens["refresh"]}

    answer = requests.get(
        f"{web}/consultas/{consulted}/resultado-{result['id']}.pdf",
        cookies=cookies,
        timeout=TIMEOUT_SECONDS,
    )
    table = requests.get(
        f"{web}/resultados/resultados.csv", cookies=cookies, timeout=TIMEOUT_SECONDS
    )

    assert answer.headers["Content-Type"] == "application/pdf"
    with closing(pypdfium2.PdfDocument(answer.content)) as paper:
        text = "".join(page.get_textpage().get_text_range() for page in paper)
    assert HOSTILE in text
    assert "Logradouro (mudou)" in text
    assert HOSTILE.replace('"', '""') in table.text


def test_what_changed_stands_out_against_the_consultation_before(
    open_page: Open, maria: Account, consulted: int
) -> None:
    page = open_page(maria)
    page.goto(f"/consultas/{consulted}")

    changes = page.get_by_role("region", name="O que mudou")
    expect(changes.locator("del")).to_have_text("R DAS FLORES")
    expect(changes.locator("ins")).to_be_visible()
    expect(page.locator(".cell.changed dt")).to_contain_text("Logradouro")
    expect(page.locator(".run")).to_have_count(2)


def test_on_paper_there_is_the_company_and_no_navigation(
    open_page: Open, maria: Account, consulted: int
) -> None:
    page = open_page(maria)
    page.goto(f"/consultas/{consulted}")

    page.emulate_media(media="print")
    # Browsers print no backgrounds, so the lines of the boxes are borders.
    expect(page.locator(".cell").first).not_to_have_css("border-top-width", "0px")

    expect(page.locator(".certificate")).to_be_visible()
    for part in (".side", ".foot", ".page-actions", ".side-column"):
        expect(page.locator(part)).to_be_hidden()
