"""A person passes the official page's check, saves the certificate and sends it."""

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from devstack.registry import reserved
from devstack.registry.pages import certificate
from tests.people import cnpj
from tests.waiting import wait_until
from tests.web.conftest import TIMEOUT_MS, Account, Open

SLOW_MACHINE_SECONDS = 60.0


@pytest.fixture
def waiting(maria: Account) -> dict[str, Any]:
    """Give a job that ended in a captcha."""
    job = maria.schedule(reserved.CAPTCHA, title="Com captcha")
    maria.call("POST", f"/job/{job['id']}/run")
    wait_until(lambda: maria.call("GET", "/jobs/waiting"), SLOW_MACHINE_SECONDS)
    return job


def send(page: Page, content: bytes, name: str = "Comprovante.html") -> None:
    file: Any = {"name": name, "mimeType": "text/html", "buffer": content}
    page.get_by_label("Página salva").set_input_files(file)
    page.get_by_role("button", name="Enviar a página").click()


def save_as_a_person(browser: Browser, address: str) -> bytes:
    """Pass the official page's check as people do, and save what it then shows."""
    official = browser.new_page()
    official.set_default_timeout(TIMEOUT_MS)
    official.goto(address)
    official.get_by_role("button", name="Sou uma pessoa").click()
    official.get_by_text("NOME EMPRESARIAL").wait_for()
    saved = official.content().encode()
    official.close()
    return saved


def test_a_saved_certificate_ends_the_job_after_one_of_another_company_did_not(
    open_page: Open, browser: Browser, maria: Account, waiting: dict[str, Any]
) -> None:
    page = open_page(maria)
    page.goto(f"/consultas/{waiting['id']}")
    expect(page.get_by_role("heading", name="A fonte pediu um captcha")).to_be_visible()
    address = page.get_by_role("link", name="página oficial").get_attribute("href")
    assert address is not None
    assert address.endswith(f"?cnpj={reserved.CAPTCHA}")

    send(page, certificate(cnpj(1)))
    expect(page.get_by_role("heading", name="Página de outro CNPJ")).to_be_visible()
    expect(page.get_by_label("Página salva")).to_have_accessible_description(
        "A página enviada é de outro CNPJ. HTML, de até 2 MB."
    )

    send(page, save_as_a_person(browser, address))
    expect(page.get_by_text("de uma página que você enviou")).to_be_visible()
    expect(page.get_by_text("Concluída").first).to_be_visible()
    (result,) = maria.call("GET", "/results", params={"job_id": waiting["id"]})
    assert (result["cnpj"], result["source"]) == (reserved.CAPTCHA, "receita")


def test_without_javascript_a_page_is_sent_as_well(
    open_page: Open, maria: Account, waiting: dict[str, Any]
) -> None:
    page = open_page(maria, java_script_enabled=False)
    page.goto(f"/consultas/{waiting['id']}")

    send(page, certificate(reserved.CAPTCHA))

    expect(page.get_by_text("Página recebida.")).to_be_visible()
    wait_until(
        lambda: maria.call("GET", f"/job/{waiting['id']}")["status"] == "processed",
        SLOW_MACHINE_SECONDS,
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7", "Este é um PDF."),
        (b"<html>".ljust(2 * 1024 * 1024 + 1), "A página passa de 2 MB"),
    ],
    ids=["pdf", "large"],
)
def test_what_is_refused_is_told_beside_the_field(
    open_page: Open, maria: Account, waiting: dict[str, Any], content: bytes, said: str
) -> None:
    page = open_page(maria)
    page.goto(f"/consultas/{waiting['id']}")

    send(page, content)

    field = page.get_by_label("Página salva")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#file-error")).to_contain_text(said)
