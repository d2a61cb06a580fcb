"""The own account, the forgotten password, and what administrators do."""

import re

import requests
from playwright.sync_api import expect

from devstack.stack import Stack
from tests.clients import Inbox
from tests.web.conftest import HOSTILE, TIMEOUT_SECONDS, Account, Open


def test_a_forgotten_password_is_replaced_by_the_mailed_link(
    open_page: Open, maria: Account, suite: Stack
) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/entrar")
    page.get_by_role("link", name="Esqueci a senha").click()
    page.get_by_label("E-mail").fill(maria.person.email)
    page.get_by_role("button", name="Enviar o link").click()
    expect(page.get_by_role("heading", name="Veja o seu e-mail")).to_be_visible()
    inbox = Inbox(suite.address("inbox"), "127.0.0.1", suite.ports["smtp"])
    mail = inbox.wait_for(1, to=maria.person.email)[0]
    link = re.search(r"http\S+/redefinir-senha\?token=\S+", mail.text)
    assert link

    page.goto(link[0])
    page.get_by_label("Senha nova", exact=True).fill("outra-senha-bem-longa")
    page.get_by_label("Repita a senha nova").fill("outra-senha-bem-longa")
    page.get_by_role("button", name="Trocar a senha").click()

    expect(page.get_by_text("Senha trocada.")).to_be_visible()
    page.get_by_label("E-mail").fill(maria.person.email)
    page.get_by_label("Senha").fill("outra-senha-bem-longa")
    page.get_by_role("main").get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", name="Olá, Maria")).to_be_visible()


def test_a_link_that_was_used_or_made_up_says_what_to_do(open_page: Open) -> None:
    page = open_page()
    page.goto("/redefinir-senha?token=made-up")
    page.get_by_label("Senha nova", exact=True).fill("outra-senha-bem-longa")
    page.get_by_label("Repita a senha nova").fill("outra-senha-bem-longa")
    page.get_by_role("button", name="Trocar a senha").click()

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("link", name="Peça outro")).to_be_visible()


def test_the_own_account_is_changed(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/conta")
    page.get_by_label("Nome completo").fill("Maria Araújo")
    page.get_by_label("CEP").fill("89251-000")
    page.get_by_label("UF").fill("SC")
    page.get_by_role("button", name="Salvar").first.click()

    expect(page.get_by_text("Sua conta foi atualizada.")).to_be_visible()
    expect(page.get_by_label("CEP")).to_have_value("89251-000")
    expect(page.locator(".me-name")).to_contain_text("Maria Araújo")


def test_a_wrong_field_of_the_address_is_told_beside_it(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/conta")
    page.get_by_label("CEP").fill("1")
    page.get_by_role("button", name="Salvar").first.click()

    expect(page.locator("#cep-error")).to_be_visible()


def test_the_password_is_changed_and_other_sessions_end(open_page: Open, maria: Account) -> None:
    elsewhere = requests.post(
        maria.suite.address("users") + "/auth",
        json=maria.person.log_in(),
        timeout=TIMEOUT_SECONDS,
    ).json()["data"]
    page = open_page(maria)
    page.goto("/conta/senha")
    page.get_by_label("Senha atual").fill(maria.person.password)
    page.get_by_label("Senha nova", exact=True).fill("outra-senha-bem-longa")
    page.get_by_label("Repita a senha nova").fill("outra-senha-bem-longa")
    page.get_by_role("button", name="Trocar a senha").click()

    expect(page.get_by_text("As suas outras sessões foram encerradas.")).to_be_visible()
    answer = requests.post(
        maria.suite.address("users") + "/auth/refresh",
        headers={"Authorization": f"Bearer {elsewhere['refresh']}"},
        timeout=TIMEOUT_SECONDS,
    )
    assert answer.status_code == 401


def test_the_summary_is_declined_and_the_calendar_opened(open_page: Open, maria: Account) -> None:
    maria.schedule("11222333000181", title="No calendário")
    page = open_page(maria)
    page.goto("/conta")
    page.get_by_label("Resumo do dia").uncheck()
    page.get_by_role("button", name="Salvar").last.click()
    expect(page.get_by_text("Suas preferências foram guardadas.")).to_be_visible()
    assert maria.call("GET", "/preferences") == {"summary": False}

    page.get_by_role("button", name="Criar endereço").click()
    address = page.get_by_label("Endereço").input_value()

    feed = requests.get(address, timeout=TIMEOUT_SECONDS)
    assert feed.headers["Content-Type"].startswith("text/calendar")
    assert "SUMMARY:No calendário" in feed.text


def test_the_own_account_is_erased_after_a_question(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/conta")
    page.get_by_role("link", name="Apagar a conta").click()
    page.get_by_role("button", name="Apagar a conta").click()

    expect(page.get_by_text("Sua conta foi apagada.")).to_be_visible()
    answer = requests.post(
        maria.suite.address("users") + "/auth",
        json=maria.person.log_in(),
        timeout=TIMEOUT_SECONDS,
    )
    assert answer.status_code == 401


def test_administration_is_closed_to_everybody_else(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    for path in (
        "usuarios",
        "processos",
        "filas",
        "erros",
        "erros/1",
        f"usuarios/{maria.tokens['id']}",
    ):
        answer = page.goto(f"/admin/{path}")
        assert answer
        assert answer.status == 403
    page.goto("/")
    expect(page.get_by_role("link", name="Usuários")).to_have_count(0)


def test_an_administrator_finds_and_deactivates_an_account(
    open_page: Open, ana: Account, maria: Account
) -> None:
    page = open_page(ana)
    page.goto("/admin/usuarios")
    page.get_by_label("CPF ou CNPJ").fill(maria.person.cpf_cnpj)
    page.get_by_role("button", name="Procurar").click()
    expect(page.get_by_label("E-mail")).to_have_value(maria.person.email)

    page.get_by_label("A conta está ativa").uncheck()
    page.get_by_role("button", name="Salvar").click()

    row = page.get_by_role("listitem").filter(has_text=maria.person.email)
    expect(row).to_contain_text("Desativada")


def test_an_administrator_sees_the_queues(open_page: Open, ana: Account) -> None:
    page = open_page(ana)
    page.goto("/admin/filas")

    row = page.get_by_role("row").filter(has_text="Consultas a executar")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1")


def test_an_administrator_sees_who_is_at_work_and_is_warned_of_who_is_not(
    open_page: Open, ana: Account, suite: Stack
) -> None:
    page = open_page(ana)
    page.goto("/admin/processos")
    for kind in ("Consultas", "Despacho", "E-mails"):
        row = page.get_by_role("row").filter(has_text=kind)
        expect(row).to_contain_text("Trabalhando")
        expect(row).to_contain_text(re.compile(r"há \d+ s"))

    mailer = suite.program("mailer")
    mailer.stop()
    try:
        expect(page.get_by_text("E-mails: nenhum processo dá sinal.")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="E-mails")).to_have_count(0)
    finally:
        mailer.start()


def test_an_administrator_reads_and_discards_an_error(
    open_page: Open, ana: Account, error_event: str
) -> None:
    page = open_page(ana)
    page.goto("/admin/erros?tipo=payload")
    page.get_by_role("listitem").filter(has_text=error_event).get_by_role("link").click()
    expect(page.locator("pre")).to_contain_text("alert(1)")
    assert HOSTILE.split(">")[0] in (page.locator("pre").text_content() or "")

    page.get_by_text("Descartar", exact=True).click()
    page.get_by_role("button", name="Descartar para sempre").click()

    expect(page.get_by_text("Evento descartado.")).to_be_visible()
    expect(page.get_by_text(error_event)).to_have_count(0)
