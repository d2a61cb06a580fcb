"""What people do, in a browser, with JavaScript and without."""

import re

import pytest
from playwright.sync_api import Page, expect

from devstack.registry import reserved
from tests.people import alphanumeric_cnpj, cnpj
from tests.web.conftest import HOSTILE, Account, Open, somebody

BOTH_WAYS = pytest.mark.parametrize(
    "options", [{}, {"java_script_enabled": False}], ids=["with script", "without script"]
)


def _fill_job(page: Page, number: str, title: str) -> None:
    page.get_by_label("CNPJ", exact=True).fill(number)
    page.get_by_label("Título").fill(title)
    page.get_by_label("Dia", exact=True).fill("2030-01-15")
    page.get_by_label("Hora").fill("08:30")


@BOTH_WAYS
def test_somebody_signs_up_and_is_logged_in(open_page: Open, options: dict[str, bool]) -> None:
    page = open_page(**options)
    new = somebody()
    page.goto("/")
    page.get_by_role("link", name="Criar conta").first.click()

    page.get_by_label("Nome completo").fill(new.full_name)
    page.get_by_label("E-mail").fill(new.email)
    page.get_by_label("CPF ou CNPJ").fill(new.cpf_cnpj)
    page.get_by_label("Data de nascimento").fill(new.date_of_birth)
    page.get_by_label("Senha", exact=True).fill(new.password)
    page.get_by_label("Repita a senha").fill(new.password)
    page.get_by_role("button", name="Criar conta").click()

    expect(page.get_by_text("Sua conta está pronta")).to_be_visible()
    expect(page.get_by_role("heading", name="Comece pela primeira consulta")).to_be_visible()


def test_a_refused_sign_up_keeps_what_was_typed_and_says_what_is_wrong(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/criar-conta")
    page.get_by_label("Nome completo").fill("Maria")
    page.get_by_label("CPF ou CNPJ").fill("123")

    page.get_by_role("button", name="Criar conta").click()

    expect(page.get_by_label("Nome completo")).to_have_value("Maria")
    email = page.get_by_label("E-mail")
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#email-error")).to_be_visible()
    expect(page.get_by_role("alert").get_by_role("link", name="CPF ou CNPJ")).to_be_visible()


@BOTH_WAYS
def test_somebody_logs_in_and_out(
    open_page: Open, maria: Account, options: dict[str, bool]
) -> None:
    page = open_page(**options)
    page.goto("/agenda")
    page.get_by_label("E-mail").fill(maria.person.email)
    page.get_by_label("Senha").fill(maria.person.password)
    page.get_by_role("main").get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", name="Agenda", exact=True)).to_be_visible()

    page.locator(".me summary").click()
    page.get_by_role("button", name="Sair").click()

    expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    page.goto("/agenda")
    expect(page.get_by_role("heading", name="Entrar")).to_be_visible()


def test_a_wrong_password_is_told_without_saying_which_part_is_wrong(
    open_page: Open, maria: Account
) -> None:
    page = open_page()
    page.goto("/entrar")
    page.get_by_label("E-mail").fill(maria.person.email)
    page.get_by_label("Senha").fill("not-the-password")
    page.get_by_role("main").get_by_role("button", name="Entrar").click()

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("E-mail ou senha incorretos")
    expect(alert).to_be_focused()


@BOTH_WAYS
def test_a_job_is_scheduled_edited_and_deleted(
    open_page: Open, maria: Account, options: dict[str, bool]
) -> None:
    page = open_page(maria, **options)
    page.goto("/consultas/nova")
    _fill_job(page, alphanumeric_cnpj(3), "Fornecedor de aço")
    page.get_by_label("Prioridade").select_option("4")
    page.get_by_role("button", name="Agendar").click()
    expect(page.get_by_role("heading", name="Fornecedor de aço")).to_be_visible()
    expect(page.get_by_text("AB.000.3YZ/0001").first).to_be_visible()
    expect(page.get_by_text("15/01/2030 às 08:30").first).to_be_visible()

    page.get_by_role("link", name="Editar").click()
    page.get_by_label("Título").fill("Fornecedor de cobre")
    page.get_by_label("Hora").fill("09:45")
    page.get_by_role("button", name="Salvar").click()
    expect(page.get_by_role("heading", name="Fornecedor de cobre")).to_be_visible()
    expect(page.get_by_text("15/01/2030 às 09:45").first).to_be_visible()

    page.get_by_role("link", name="Excluir").click()
    expect(page.get_by_role("heading", name="Excluir esta consulta?")).to_be_visible()
    page.get_by_role("button", name="Excluir").click()
    expect(page.get_by_text("Consulta excluída")).to_be_visible()
    assert maria.call("GET", "/jobs")["total"] == 0


def test_a_refused_job_keeps_what_was_typed_with_the_error_beside_its_field(
    open_page: Open, maria: Account
) -> None:
    page = open_page(maria, java_script_enabled=False)
    page.goto("/consultas/nova")
    _fill_job(page, "11.222.333/0001-82", "Fornecedor")
    page.get_by_label("Prioridade").select_option("5")
    page.get_by_label("Com que frequência").select_option("weekly")
    page.get_by_label("terça-feira").check(force=True)
    page.get_by_role("button", name="Agendar").click()

    expect(page.locator("#cpf_cnpj-error")).to_contain_text("dígitos verificadores não conferem")
    expect(page.get_by_label("CNPJ", exact=True)).to_have_value("11.222.333/0001-82")
    expect(page.get_by_label("Título")).to_have_value("Fornecedor")
    expect(page.get_by_label("Hora")).to_have_value("08:30")
    expect(page.get_by_label("Prioridade")).to_have_value("5")
    expect(page.get_by_label("Com que frequência")).to_have_value("weekly")
    expect(page.get_by_label("terça-feira")).to_be_checked()


def test_sending_the_same_form_twice_makes_one_job(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/consultas/nova")
    _fill_job(page, cnpj(41), "Só uma vez")
    fields = page.evaluate(
        "Object.fromEntries(new FormData(document.querySelector('main form')).entries())"
    )

    for _ in range(2):
        page.request.post("/consultas/nova", form=fields)

    assert maria.call("GET", "/jobs")["total"] == 1


def test_the_number_is_punctuated_and_checked_while_one_types(
    open_page: Open, maria: Account
) -> None:
    page = open_page(maria)
    page.goto("/consultas/nova")
    field, note = page.get_by_label("CNPJ", exact=True), page.locator("#cpf_cnpj-live")

    field.press_sequentially("12abc34501de35")
    expect(field).to_have_value("12.ABC.345/01DE-35")
    expect(note).to_have_text("CNPJ válido.")

    field.press("Backspace")
    field.press("6")
    expect(note).to_contain_text("dígitos verificadores não conferem")

    field.fill("")
    field.press_sequentially("11222333000181")
    expect(field).to_have_value("11.222.333/0001-81")
    expect(note).to_have_text("CNPJ válido.")


def test_a_job_repeats_in_words(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/consultas/nova")
    _fill_job(page, cnpj(42), "Toda segunda")
    expect(page.get_by_label("segunda-feira")).to_be_hidden()
    page.get_by_label("Com que frequência").select_option("weekly")
    page.get_by_label("segunda-feira").check(force=True)
    page.get_by_role("button", name="Agendar").click()

    expect(page.get_by_text("Toda segunda-feira às 8h30")).to_be_visible()
    page.get_by_role("link", name="Editar").click()
    expect(page.get_by_label("Com que frequência")).to_have_value("weekly")
    expect(page.get_by_label("segunda-feira")).to_be_checked()


def test_a_job_that_runs_now_shows_its_company_without_a_reload(
    open_page: Open, maria: Account
) -> None:
    page = open_page(maria)
    page.goto("/consultas/nova")
    _fill_job(page, cnpj(43), "Agora")
    page.get_by_role("button", name="Consultar agora").click()
    page.evaluate("window.sameePage = true")

    expect(page.get_by_text("Comprovante de inscrição")).to_be_visible()
    expect(page.get_by_text("Concluída").first).to_be_visible()
    expect(page.get_by_text("Terminou")).to_be_visible()
    assert page.evaluate("window.sameePage")


@pytest.mark.parametrize(
    "path", ["/agenda", "/agenda/mes?data=2030-01-15", "/agenda/dia?data=2030-01-15", "/consultas/"]
)
def test_a_state_that_changes_is_shown_within_two_seconds(
    open_page: Open, maria: Account, path: str
) -> None:
    job = maria.schedule(cnpj(44), title="Muda de estado")
    page = open_page(maria)
    page.goto(f"{path}{job['id']}" if path.endswith("/") else path)
    row = page.locator(f"#job-{job['id']}")
    expect(row).to_contain_text("Agendada")

    maria.call("POST", f"/job/{job['id']}/cancel")

    expect(row).to_contain_text("Cancelada", timeout=2_000)
    expect(page.get_by_role("status").last).to_have_text("Muda de estado: Cancelada")


def test_cancelling_asks_first(open_page: Open, maria: Account) -> None:
    job = maria.schedule(cnpj(45))
    page = open_page(maria)
    page.goto(f"/consultas/{job['id']}")
    page.get_by_role("link", name="Cancelar").click()
    expect(page.get_by_role("heading", name="Cancelar esta consulta?")).to_be_visible()
    assert maria.call("GET", f"/job/{job['id']}")["status"] == "created"

    page.get_by_role("button", name="Cancelar a consulta").click()

    expect(page.get_by_text("Consulta cancelada.")).to_be_visible()
    assert maria.call("GET", f"/job/{job['id']}")["status"] == "cancelled"


def test_a_job_is_held_and_goes_on(open_page: Open, maria: Account) -> None:
    job = maria.schedule(cnpj(46))
    page = open_page(maria)
    page.goto(f"/consultas/{job['id']}")

    page.get_by_role("button", name="Pausar").click()
    expect(page.get_by_text("Pausada").first).to_be_visible()

    page.get_by_role("button", name="Retomar").click()
    expect(page.get_by_text("Agendada").first).to_be_visible()


def test_a_run_that_failed_says_why_and_what_to_do(open_page: Open, maria: Account) -> None:
    job = maria.schedule(reserved.CAPTCHA, title="Com captcha")
    page = open_page(maria)
    page.goto(f"/consultas/{job['id']}")

    page.get_by_role("button", name="Executar agora").click()

    expect(page.get_by_role("heading", name="A fonte pediu um captcha")).to_be_visible()
    expect(page.get_by_text("executar de novo mais tarde").first).to_be_visible()


def test_the_calendar_shows_a_job_on_its_day_in_each_view(open_page: Open, maria: Account) -> None:
    maria.schedule(cnpj(47), title="No dia certo", date="2030-01-15T23:30")
    page = open_page(maria)
    page.goto("/agenda/mes?data=2029-12-10")
    expect(page.get_by_role("heading", name="dezembro de 2029")).to_be_visible()

    page.get_by_role("link", name="Mês seguinte").click()
    day = page.get_by_role("cell").filter(has_text="15 de janeiro")
    expect(day).to_contain_text("No dia certo")

    page.get_by_role("link", name="Semana", exact=True).click()
    expect(
        page.get_by_role("heading", name="30 de dezembro de 2029 a 5 de janeiro")
    ).to_be_visible()
    page.get_by_label("Ir para o dia").fill("2030-01-15")
    page.get_by_role("button", name="Ir", exact=True).click()
    expect(page.get_by_role("listitem").filter(has_text="15/01")).to_contain_text("No dia certo")

    page.get_by_role("link", name="Dia", exact=True).click()
    expect(page.get_by_role("heading", name="terça-feira, 15 de janeiro de 2030")).to_be_visible()
    expect(page.get_by_role("link", name="No dia certo")).to_be_visible()

    page.get_by_role("link", name="Hoje").click()
    expect(page.get_by_role("heading", name="Nada marcado para este dia")).to_be_visible()


def test_a_hostile_title_is_text_everywhere(open_page: Open, maria: Account) -> None:
    job = maria.schedule(cnpj(48), title=HOSTILE, description=HOSTILE)
    page = open_page(maria)
    for path in (
        "/agenda",
        "/agenda/mes?data=2030-01-15",
        "/agenda/semana?data=2030-01-15",
        "/agenda/dia?data=2030-01-15",
        f"/consultas/{job['id']}",
        f"/consultas/{job['id']}/editar",
        f"/consultas/{job['id']}/excluir",
        f"/consultas/{job['id']}/cancelar",
    ):
        page.goto(path)
        if path.endswith("editar"):
            expect(page.get_by_label("Título")).to_have_value(HOSTILE)
        else:
            expect(page.get_by_text(HOSTILE).first).to_be_visible()


def test_the_result_can_be_had_as_a_pdf(open_page: Open, maria: Account) -> None:
    page = open_page(maria)
    page.goto("/consultas/nova")
    _fill_job(page, cnpj(49), "Em papel")
    page.get_by_role("button", name="Consultar agora").click()

    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()

    assert re.fullmatch(r"cnpj-\d{14}-\d{4}-\d\d-\d\d\.pdf", download.value.suggested_filename)
    assert download.value.path().read_bytes().startswith(b"%PDF-1.")


def test_the_look_that_somebody_chooses_stays(open_page: Open, maria: Account) -> None:
    page = open_page(maria, color_scheme="light")
    page.goto("/agenda")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)

    page.get_by_role("button", name="Escura").click()
    page.goto("/resultados")

    assert page.evaluate(ground) != light
    page.get_by_role("button", name="Do sistema").click()
    assert page.evaluate(ground) == light


def test_the_pages_can_be_used_with_the_keyboard_alone(open_page: Open, maria: Account) -> None:
    job = maria.schedule(cnpj(50), title="Só com o teclado")
    page = open_page(maria)
    page.goto("/agenda")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Ir para o conteúdo")).to_be_focused()
    page.keyboard.press("Enter")

    link = page.get_by_role("link", name="Só com o teclado")
    for _ in range(15):
        page.keyboard.press("Tab")
        if link.evaluate("node => node === document.activeElement"):
            break
    expect(link).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url(f"**/consultas/{job['id']}")
